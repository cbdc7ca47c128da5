"""Find the head in a slice, to crop the input of the brain modules.

In merged public data sets the amount of air around the head differs by class. A model that sees only the head cannot
use that difference.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.inference.preprocessing import AIR_RATIO, ModelInput, Region, fit_region

THUMBNAIL = 96  # pixels per side of the reduced slice in which the head is searched
OCCUPIED_RATIO = 0.03  # a row or column with fewer bright pixels than this is outside the head
SMALLEST_HEAD = 0.25  # of the side of the slice; a smaller region is not a head, and the whole slice is used


def crop_to_head(pixels: NDArray[np.uint8], side: int) -> ModelInput:
    """Crop a slice, (H, W) uint8 with dark air, to the head and scale it to (side, side) uint8, keeping its aspect."""
    return fit_region(pixels, find_head(pixels), side)


def find_head(pixels: NDArray[np.uint8]) -> Region:
    """Return the smallest region that contains everything brighter than air; the whole slice if it is too small."""
    rows, columns = pixels.shape
    thumbnail = cv2.blur(cv2.resize(pixels, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA), (3, 3))
    bright = thumbnail > AIR_RATIO * np.percentile(thumbnail, 99)
    top, bottom = _occupied(bright.mean(axis=1))
    left, right = _occupied(bright.mean(axis=0))
    if min(bottom - top, right - left) < SMALLEST_HEAD * THUMBNAIL:
        return Region(0, 0, rows, columns)
    return Region(
        top=top * rows // THUMBNAIL,
        left=left * columns // THUMBNAIL,
        bottom=max(-(-bottom * rows // THUMBNAIL), top * rows // THUMBNAIL + 1),
        right=max(-(-right * columns // THUMBNAIL), left * columns // THUMBNAIL + 1),
    )


def _occupied(share: NDArray[np.float64]) -> tuple[int, int]:
    """Return the first and one past the last line with enough bright pixels; (0, 0) if there is none."""
    lines = np.flatnonzero(share > OCCUPIED_RATIO)
    return (int(lines[0]), int(lines[-1]) + 1) if lines.size else (0, 0)
