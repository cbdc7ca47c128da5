"""Changes keep what they must keep, and what they paint is there."""

import numpy as np
import pytest

from tests.support.heads import head
from training.augmentation.brain import augment, match_tones, mirror_half, paint_lesion


def test_the_same_seed_gives_the_same_change():
    one, other = (augment(head(3), np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("seed", range(25))
def test_a_changed_slice_is_still_a_picture(seed):
    changed = augment(head(3), np.random.default_rng(seed))
    assert changed.dtype == np.uint8
    assert min(changed.shape) > 40
    assert changed.std() > 2


def test_a_painted_lesion_is_a_visible_part_of_the_head():
    original = head(4)
    for seed in range(10):
        changed = np.abs(paint_lesion(original, np.random.default_rng(seed)).astype(int) - original) > 10
        assert 0.005 < changed.mean() < 0.2
        assert changed[original > 0].sum() > 0.5 * changed.sum()


def test_a_blank_slice_gets_no_lesion():
    blank = np.zeros((64, 64), np.uint8)
    assert np.array_equal(paint_lesion(blank, np.random.default_rng(0)), blank)


def test_borrowed_tones_take_over_the_brightness_and_leave_air_dark():
    dark, bright = (head(5) * 0.4).astype(np.uint8), head(6)
    toned = match_tones(dark, bright)
    tissue = dark > 10
    assert abs(float(np.median(toned[tissue])) - float(np.median(bright[bright > 20]))) < 25
    assert toned[dark == 0].max() == 0


def test_a_mirrored_half_makes_the_slice_symmetric():
    mirrored = mirror_half(head(7), np.random.default_rng(0))
    assert np.array_equal(mirrored, mirrored[:, ::-1])
