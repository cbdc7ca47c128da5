"""Jittered pictures: another one each time, and still the same to look at."""

import numpy as np
import pytest

from training.augmentation.jitter import jitter

PICTURE = np.pad(np.full((8, 8), 200, np.uint8), ((2, 18), (2, 18)))  # bright at the upper left alone


def test_the_same_seed_gives_the_same_picture():
    assert np.array_equal(*(jitter(PICTURE, np.random.default_rng(5)) for _ in range(2)))


@pytest.mark.parametrize("seed", range(8))
def test_what_is_at_the_upper_left_stays_there(seed):
    changed = jitter(PICTURE, np.random.default_rng(seed))
    assert changed.shape == PICTURE.shape and changed.dtype == np.uint8
    assert not np.array_equal(changed, PICTURE)
    upper_left = changed[:14, :14].mean()
    assert all(upper_left > part.mean() for part in (changed[:14, 14:], changed[14:, :14], changed[14:, 14:]))
