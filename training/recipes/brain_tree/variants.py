"""The same slice as another source might publish it: compressed, resized, dimmed, blurred or noisy.

Textures change with all of these and labels with none. A tree grown on several variants of a slice uses what survives
them, and how often its answer changes with them is measured (`imip evaluate`).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Slice = NDArray[np.uint8]


class Change(NamedTuple):
    """A change, how strong it may be while a tree is grown, and how strong it is in the evaluation."""

    name: str
    apply: Callable[[Slice, float], Slice]
    low: float
    high: float
    measured: float

    @property
    def title(self) -> str:
        return f"{self.name} {self.measured:g}"


def vary(pixels: Slice, rng: np.random.Generator) -> Slice:
    """Return a slice with one change; which and how strong is random."""
    change = CHANGES[rng.integers(len(CHANGES))]
    return change.apply(pixels, rng.uniform(change.low, change.high))


def compress(pixels: Slice, quality: float) -> Slice:
    """Compress as JPEG, quality 0..100."""
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def resize(pixels: Slice, factor: float) -> Slice:
    """Change the number of pixels a side by a factor."""
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=interpolation), np.uint8)


def brighten(pixels: Slice, gain: float) -> Slice:
    """Multiply all grey levels; what passes white is cut off."""
    return np.clip(pixels * gain, 0, 255).astype(np.uint8)


def blur(pixels: Slice, sigma: float) -> Slice:
    """Blur by a Gaussian, its standard deviation in pixels."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def add_noise(pixels: Slice, sigma: float) -> Slice:
    """Add white noise, its standard deviation in grey levels; the same slice gets the same noise."""
    noise = np.random.default_rng(int(pixels.sum())).normal(0, sigma, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


CHANGES: Final = (
    Change("JPEG quality", compress, 40, 95, 50),
    Change("size times", resize, 0.7, 1.4, 0.75),
    Change("brightness times", brighten, 0.75, 1.25, 0.8),
    Change("blur, pixels:", blur, 0.4, 0.9, 0.8),
    Change("noise, grey levels:", add_noise, 1, 5, 3),
)
