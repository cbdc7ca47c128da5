"""A changed slice is still the same slice, and the same each time."""

import cv2
import numpy as np

from tests.support.heads import head
from training.recipes.brain_tree.variants import CHANGES


def test_a_change_keeps_the_slice_and_is_the_same_each_time() -> None:
    pixels = head(3)
    for change in CHANGES:
        changed = change.apply(pixels, change.measured)
        assert np.array_equal(changed, change.apply(pixels, change.measured))
        back = cv2.resize(changed, pixels.shape[::-1], interpolation=cv2.INTER_CUBIC)
        assert not np.array_equal(back, pixels)
        assert np.corrcoef(back.ravel(), pixels.ravel())[0, 1] > 0.95
