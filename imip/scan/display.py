"""Sample values to the display range: look-up tables, windows, the stretch for data without a window, and gray.

Follows PS3.3 C.11.1 (modality), C.11.2 (VOI) and C.7.6.3.1.5 (palettes). Pure array arithmetic, no files.
"""

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]

STRETCH_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI window (PS3.3 C.11.2.1.2 and C.11.2.1.3) in units of the modality LUT's output."""

    center: float
    width: float
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR"

    def apply(self, values: Values) -> NDArray[np.uint8]:
        """Same shape, 0..255."""
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
    """A modality or VOI LUT, or one palette (PS3.3 C.11.1.1.1): `entries` for inputs from `first` on."""

    first: int
    entries: NDArray[np.uint16]  # (N,), N >= 1
    bits: int  # of one entry

    def apply(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Same shape; inputs outside the table take its nearest end."""
        index = values.astype(np.intp)
        index -= self.first
        np.clip(index, 0, len(self.entries) - 1, out=index)
        return self.entries.astype(np.float32)[index]

    def display(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Same shape, 0..255: the table's whole output range fills the display range."""
        return full_range(self.apply(values), self.bits)


def stretch(values: Values, shown: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """Linear from the 0.5th..99.5th percentile of the `shown` pixels to 0..255, same shape.

    For data deeper than 8 bits without a window: scans often use 12 bits of 16. Percentiles rather than
    the extremes, so that one bright vessel or a stuck detector pixel does not cost the contrast of the rest.
    """
    sample = values if shown is None else values[shown]
    if not sample.size:
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(sample, STRETCH_PERCENTILES)
    if low == high:  # over 99 % of one value: the few others are all there is to see
        low, high = sample.min(), sample.max()
    if low == high:
        return np.zeros(values.shape, np.uint8)
    return _to_uint8((values - low) / (high - low))


def full_range(values: Values, bits: int) -> NDArray[np.uint8]:
    """Unsigned values of `bits` bits to 0..255, same shape."""
    return _to_uint8(values / (2**bits - 1))


def to_gray(rgb: NDArray[Any]) -> NDArray[Any]:
    """(H, W, 3) red, green, blue of uint8, uint16 or float32 to luma (H, W) of the same dtype.

    ITU-R BT.601, which is also the Y of YBR_FULL (PS3.3 C.7.6.3.1.2).
    """
    return cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)


def _to_uint8(shares: Values) -> NDArray[np.uint8]:
    """0..1, clipped, to 0..255. Overwrites `shares`, which may have hundreds of megabytes."""
    np.clip(shares, 0, 1, out=shares)
    shares *= 255
    return np.rint(shares, out=shares).astype(np.uint8)
