"""Drawn heads with and without a lesion: what lies where is known, and a lesion is what is brightest."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.samples import Origin, Sample

HEIGHT, WIDTH = 120, 100
TISSUE, FLUID, LESION = 100, 30, 220  # grey levels
DISC = (40, 38, 10)  # row, column and radius of a lesion


def slice_of_head(seed: int = 0, lesion: Sequence[int] | None = None, bright: int = LESION) -> NDArray[np.uint8]:
    """A bright ellipse in the dark, (HEIGHT, WIDTH), with its own faint texture and fluid in the middle."""
    rng = np.random.default_rng(seed)
    texture = cv2.resize(rng.uniform(-15, 15, (6, 5)).astype(np.float32), (WIDTH, HEIGHT))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    inside = ((rows - HEIGHT / 2) / 55) ** 2 + ((columns - WIDTH / 2) / 45) ** 2 < 1
    pixels = np.where(inside, TISSUE + texture, 0).astype(np.uint8)
    cv2.ellipse(pixels, (WIDTH // 2, HEIGHT // 2 + 8), (8, 12), 0, 0, 360, FLUID, cv2.FILLED)
    if lesion is not None:
        row, column, radius = lesion
        cv2.circle(pixels, (column, row), radius, bright, cv2.FILLED)
    return pixels


def mask_of(lesion: Sequence[int]) -> NDArray[np.bool_]:
    """Where a lesion is, (HEIGHT, WIDTH)."""
    row, column, radius = lesion
    return cv2.circle(np.zeros((HEIGHT, WIDTH), np.uint8), (column, row), radius, 1, cv2.FILLED).astype(np.bool_)


def sample_of(
    pixels: NDArray[np.uint8], name: str, class_name: str = "notumor", origin: Origin | None = None
) -> Sample:
    """A sample as it would be read from a file of this name."""
    data = cv2.imencode(".png", pixels)[1].tobytes()
    return Sample(Path(name), name, class_name, pixels, data, origin)


def with_lesion(seed: int, name: str, class_name: str = "glioma", origin: Origin | None = None) -> Sample:
    """A sample of a head with a lesion that was drawn."""
    return replace(sample_of(slice_of_head(seed, DISC), name, class_name, origin), lesion=mask_of(DISC))
