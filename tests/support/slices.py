"""Drawn slices and heatmaps of which it is known where what lies in them."""

import numpy as np
from numpy.typing import NDArray

from imip.inference.head import crop_to_head
from imip.inference.preprocessing import ModelInput, Region

HEADS = [  # shape of a slice, and where its head lies
    ((200, 200), Region(50, 60, 150, 140)),
    ((100, 400), Region(10, 200, 90, 390)),
    ((512, 256), Region(0, 0, 300, 256)),
    ((64, 48), Region(20, 10, 60, 40)),
]


def slice_with_head(shape: tuple[int, int], head: Region) -> NDArray[np.uint8]:
    """A bright rectangle in the dark."""
    pixels = np.zeros(shape, np.uint8)
    pixels[head.top : head.bottom, head.left : head.right] = 200
    return pixels


def whole(height: int, width: int) -> ModelInput:
    """A cropped slice whose head is all of it."""
    return crop_to_head(np.full((height, width), 200, np.uint8), 128)


def spot(row: int, column: int, side: int = 16) -> NDArray[np.float32]:
    """A heatmap with one peak."""
    rows, columns = np.mgrid[:side, :side]
    return (7 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 4)).astype(np.float32)
