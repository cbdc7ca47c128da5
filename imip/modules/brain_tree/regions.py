"""Where in a picture the steps of a decision come from: each measure that is a mean over the head, around each pixel.

A step says that the mean lies above a threshold, or not; its region is where the same measure, taken around a pixel,
does so too. A measure that is no such mean, as an outline or a spread of grey levels, has no region.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.modules.brain_tree.texture import TEXTURE_FEATURES, Map, Texture
from imip.modules.brain_tree.tree import Step

CELLS = 32  # a side, of a heatmap
NEIGHBOURHOOD = 6.0  # pixels of the cropped slice, standard deviation of the Gaussian around a pixel


def heatmaps(steps: Iterable[Step], picture: NDArray[np.uint8], texture: Texture, labels: int) -> Map:
    """Return what spoke for each label and where, (CELLS, CELLS, labels) >= 0, of a cropped slice, (side, side).

    Each step's region, its peak 1, counts for a label by how much the step raised the label's share.
    """
    maps = np.zeros((CELLS, CELLS, labels), np.float32)
    for step in steps:
        around = _around(step.measure, picture, texture)
        if around is None:
            continue
        beyond = np.maximum(around - step.threshold if step.above else step.threshold - around, 0) * texture.tissue
        region = cv2.resize(beyond.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        maps += (region / (region.max() or 1.0))[..., None] * np.maximum(step.moved, 0)
    return maps


def _around(measure: str, picture: NDArray[np.uint8], texture: Texture) -> Map | None:
    """Return a measure around each pixel, (side, side); None if it has no place."""
    parts = _parts(measure, picture.astype(np.float32), texture)
    if parts is None:
        return None
    added, weight = (cv2.GaussianBlur(part, (0, 0), NEIGHBOURHOOD) for part in parts)
    return np.asarray(added / np.maximum(weight, 1e-6), np.float32)


def _parts(measure: str, picture: Map, texture: Texture) -> tuple[Map, Map] | None:
    """Return what each pixel adds to a measure and how much it weighs, both (side, side)."""
    if measure in TEXTURE_FEATURES:
        return texture.parts(measure)
    match measure:
        case "symmetry":
            mirrored = np.flip(picture, axis=1)  # about the middle, where framing puts the head
            both: Map = picture + mirrored
            return both - np.abs(picture - mirrored), both
        case "foreground_brightness":
            return picture * texture.tissue, texture.tissue.astype(np.float32)
        case _:
            return None
