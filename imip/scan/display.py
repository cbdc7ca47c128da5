"""Map sample values to the display range: look-up tables, VOI windows, contrast stretching and grayscale conversion.

Follows PS3.3 C.11.1 (modality), C.11.2 (VOI) and C.7.6.3.1.5 (palettes).
"""

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]

STRETCH_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, slots=True)
class VoiWindow:
    """A VOI window (PS3.3 C.11.2.1.2 and C.11.2.1.3) in output units of the modality LUT."""

    center: float
    width: float
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR"

    def apply(self, values: Values) -> NDArray[np.uint8]:
        """Map values to 0..255, same shape."""
        if self.function == "SIGMOID":
            exponent = np.clip(-4 * (values - self.center) / self.width, -60, 60)
            return _to_uint8(1 / (1 + np.exp(exponent)))
        if self.function == "LINEAR_EXACT":
            return _to_uint8((values - self.center) / self.width + 0.5)
        if self.width <= 1:
            return _to_uint8((values > self.center - 0.5).astype(np.float32))
        return _to_uint8((values - (self.center - 0.5)) / (self.width - 1) + 0.5)


@dataclass(frozen=True, slots=True)
class LookUpTable:
    """A modality or VOI LUT, or one palette (PS3.3 C.11.1.1.1). `first`: the input of the first entry."""

    first: int
    entries: NDArray[np.uint16]  # (N,), N >= 1
    bits: int  # of one entry

    def apply(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Look up values, same shape; inputs outside the table use its first or last entry."""
        index = values.astype(np.intp)
        index -= self.first
        np.clip(index, 0, len(self.entries) - 1, out=index)
        return self.entries.astype(np.float32)[index]

    def display(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Look up values and map the whole output range of the table to 0..255, same shape."""
        return full_range(self.apply(values), self.bits)


def stretch(values: Values, shown: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """Map the 0.5th..99.5th percentile of the `shown` pixels linearly to 0..255, same shape.

    For data of more than 8 bits without a window, because scans often use 12 bits of 16. Percentiles are used instead
    of minimum and maximum, so that one bright vessel or defective detector pixel does not reduce all other contrast.
    """
    sample = values if shown is None else values[shown]
    if not sample.size:
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(sample, STRETCH_PERCENTILES)
    if low == high:  # more than 99 % have one value; show the others
        low, high = sample.min(), sample.max()
    if low == high:
        return np.zeros(values.shape, np.uint8)
    return _to_uint8((values - low) / (high - low))


def full_range(values: Values, bits: int) -> NDArray[np.uint8]:
    """Map unsigned values of `bits` bits to 0..255, same shape."""
    return _to_uint8(values / (2**bits - 1))


def to_gray(rgb: NDArray[Any]) -> NDArray[Any]:
    """Convert RGB, (H, W, 3) of uint8, uint16 or float32, to luma, (H, W) of the same dtype.

    ITU-R BT.601, which is also the Y of YBR_FULL (PS3.3 C.7.6.3.1.2).
    """
    return cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)


def _to_uint8(ratios: Values) -> NDArray[np.uint8]:
    """Map 0..1, clipped, to 0..255. Overwrites `ratios` to save memory: it may have hundreds of megabytes."""
    np.clip(ratios, 0, 1, out=ratios)
    ratios *= 255
    return np.rint(ratios, out=ratios).astype(np.uint8)
