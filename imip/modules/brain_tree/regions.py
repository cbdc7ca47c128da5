"""The heatmaps of a decision tree: the regions of a slice where the measures of the path led to each label.

A step compares the mean of a measure over the head with a threshold. Its region consists of the pixels around which the
local mean of the measure gives the same result. Measures that are not means over pixels, such as the aspect of the
outline, have no region.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.modules.brain_tree.texture import TEXTURE_FEATURES, Map, Texture
from imip.modules.brain_tree.tree import Step

HEATMAP_SIDE = 32  # pixels
SIGMA = 6.0  # pixels of the cropped slice, standard deviation of the Gaussian for local means


def heatmaps(steps: Iterable[Step], picture: NDArray[np.uint8], texture: Texture, labels: int) -> Map:
    """Return a heatmap for each label, (HEATMAP_SIDE, HEATMAP_SIDE, labels) >= 0, of a cropped slice, (side, side).

    The region of each step, scaled to a peak of 1, is weighted by the increase of the label's probability at that step.
    """
    maps = np.zeros((HEATMAP_SIDE, HEATMAP_SIDE, labels), np.float32)
    for step in steps:
        local = _local_measure(step.measure, picture, texture)
        if local is None:
            continue
        excess = np.maximum(local - step.threshold if step.above else step.threshold - local, 0) * texture.tissue
        region = cv2.resize(excess.astype(np.float32), (HEATMAP_SIDE, HEATMAP_SIDE), interpolation=cv2.INTER_AREA)
        maps += (region / (region.max() or 1.0))[..., None] * np.maximum(step.gain, 0)
    return maps


def _local_measure(measure: str, picture: NDArray[np.uint8], texture: Texture) -> Map | None:
    """Return the local mean of a measure around each pixel, (side, side); None if it is not a mean over pixels."""
    maps = _value_and_weight(measure, picture.astype(np.float32), texture)
    if maps is None:
        return None
    value, weight = (cv2.GaussianBlur(map_, (0, 0), SIGMA) for map_ in maps)
    return np.asarray(value / np.maximum(weight, 1e-6), np.float32)


def _value_and_weight(measure: str, picture: Map, texture: Texture) -> tuple[Map, Map] | None:
    """Return two maps, (side, side): a measure is the sum of the first divided by the sum of the second."""
    if measure in TEXTURE_FEATURES:
        return texture.value_and_weight(measure)
    match measure:
        case "symmetry":
            mirrored = np.flip(picture, axis=1)  # at the centre, because the crop centres the head
            both: Map = picture + mirrored
            return both - np.abs(picture - mirrored), both
        case "foreground_brightness":
            return picture * texture.tissue, texture.tissue.astype(np.float32)
        case _:
            return None
