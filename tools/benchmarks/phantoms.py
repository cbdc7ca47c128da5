"""Phantoms: synthetic slices for benchmarks without data. Those of different seeds count as different patients.

A phantom is a bright ellipse with random outline, texture and noise. The model may report it as out-of-distribution.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 96  # pixels


def phantom(seed: int) -> NDArray[np.uint8]:
    """Return a slice, (SIDE, SIDE)."""
    rng = np.random.default_rng(seed)
    grid = int(rng.integers(3, 40))
    coarse = rng.uniform(0, 1, (grid, grid)).astype(np.float32)
    texture = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).clip(0, 1) ** rng.uniform(0.3, 3)
    texture = texture * rng.uniform(0.2, 1) + rng.normal(0, rng.uniform(0, 0.25), (SIDE, SIDE))
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2
    height, width = rng.uniform(25, 46, 2)
    inside = (rows / height) ** 2 + (columns / width) ** 2 < 1
    return (255 * np.clip(np.where(inside, 0.1 + 0.9 * texture, 0), 0, 1)).astype(np.uint8)
