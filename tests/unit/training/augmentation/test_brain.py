"""What is painted into a slice is there, and inside the head."""

import numpy as np

from tests.support.heads import head
from training.augmentation.brain import paint_lesion


def test_the_same_seed_paints_the_same_lesion():
    one, other = (paint_lesion(head(3), np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(one, other)


def test_a_painted_lesion_is_a_visible_part_of_the_head():
    original = head(4)
    for seed in range(10):
        changed = np.abs(paint_lesion(original, np.random.default_rng(seed)).astype(int) - original) > 10
        assert 0.005 < changed.mean() < 0.2
        assert changed[original > 0].sum() > 0.5 * changed.sum()


def test_a_blank_slice_gets_no_lesion():
    blank = np.zeros((64, 64), np.uint8)
    assert np.array_equal(paint_lesion(blank, np.random.default_rng(0)), blank)
