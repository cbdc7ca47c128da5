"""Convert a slice of any size to the square input of a module: crop to a region, resize, pad to a square.

Training and serving call the same function, so that their inputs cannot differ. Intensities are not changed, because
their normalisation is part of the model's graph.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

AIR_RATIO = 0.12  # of the 99th percentile of brightness; darker pixels are air


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in pixels of the slice; `bottom` and `right` are exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left


@dataclass(frozen=True, slots=True)
class ModelInput:
    """The input of a module and its region in the slice."""

    pixels: NDArray[np.uint8]  # (side, side)
    region: Region
    slice_shape: tuple[int, int]

    def to_slice(self, map_: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scale a map of the input, (h, w) of any size, to the slice, (H, W); 0 outside the region."""
        longest = max(self.region.height, self.region.width)
        rows, columns = map_.shape
        # Only the short axis was padded. It is cropped before the other axis grows, to save memory on very thin slices.
        if self.region.height < self.region.width:
            top = (longest - self.region.height) // 2
            share = cv2.resize(map_, (columns, longest), interpolation=cv2.INTER_LINEAR)[top : top + self.region.height]
        else:
            left = (longest - self.region.width) // 2
            wide = cv2.resize(map_, (longest, rows), interpolation=cv2.INTER_LINEAR)
            share = wide[:, left : left + self.region.width]
        placed = np.zeros(self.slice_shape, np.float32)
        placed[self.region.top : self.region.bottom, self.region.left : self.region.right] = cv2.resize(
            share, (self.region.width, self.region.height), interpolation=cv2.INTER_LINEAR
        )
        return placed

    def points_to_slice(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points of the input, (n, 2) rows and columns 0..1, are in the slice, (n, 2) pixels.

        Both are counted from the top left corner. A point in the padding is outside the region, as in `to_slice`.
        """
        longest = max(self.region.height, self.region.width)
        top = self.region.top - (longest - self.region.height) // 2
        left = self.region.left - (longest - self.region.width) // 2
        return np.asarray(points * longest + (top, left), np.float64)


def fit_region(pixels: NDArray[np.uint8], region: Region, side: int) -> ModelInput:
    """Crop a slice, (H, W) uint8, to a region and scale that to (side, side) uint8, keeping its aspect."""
    crop = pixels[region.top : region.bottom, region.left : region.right]
    scale = side / max(region.height, region.width)
    height, width = max(1, round(region.height * scale)), max(1, round(region.width * scale))
    shrinks = scale < 1
    resized = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    square = np.zeros((side, side), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = resized
    return ModelInput(square, region, (pixels.shape[0], pixels.shape[1]))
