"""The looks that a tree is grown on beside each slice."""

import cv2
import numpy as np

from tests.support.heads import head
from training.recipes.brain_tree import looks


def test_a_look_keeps_the_slice_and_is_the_same_each_time() -> None:
    pixels = head(3)
    for look in looks.LOOKS:
        changed = look.change(pixels, look.measured)
        assert np.array_equal(changed, look.change(pixels, look.measured))
        back = cv2.resize(changed, pixels.shape[::-1], interpolation=cv2.INTER_CUBIC)
        assert not np.array_equal(back, pixels)
        assert np.corrcoef(back.ravel(), pixels.ravel())[0, 1] > 0.95
