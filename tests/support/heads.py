"""Drawn heads for tests of training: each seed another texture in the same outline."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.samples import Sample


def head(seed: int) -> NDArray[np.uint8]:
    """A bright ellipse with its own smooth texture, (96, 96) uint8."""
    rng = np.random.default_rng(seed)
    texture = cv2.resize(rng.uniform(0, 1, (7, 7)).astype(np.float32), (96, 96), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[0:96, 0:96]
    inside = ((rows - 48) / 40) ** 2 + ((columns - 48) / 34) ** 2 < 1
    return (inside * np.clip(60 + 190 * texture, 30, 255)).astype(np.uint8)


def sample(pixels: NDArray[np.uint8], name: str, class_name: str = "glioma") -> Sample:
    data = cv2.imencode(".png", pixels)[1].tobytes()
    return Sample(Path(class_name) / name, f"{class_name}/{name}", class_name, pixels, data)


def half_with_masses(count: int) -> list[Sample]:
    """Heads filed as without a tumor and as tumors in turn, the tumors with a bright mass."""
    samples = []
    for number in range(count):
        pixels = head(number)
        if number % 2:
            cv2.circle(pixels, (40, 50), 12, 255, -1)
        samples.append(sample(pixels, f"{number}.png", "glioma" if number % 2 else "notumor"))
    return samples
