"""Sample weights that untie the label from a slice's plane, outline and shading.

In this data set most sagittal and coronal slices show tumors, and healthy ones are mostly axial, so a network can
take the plane for a sign. Each slice is weighted by the inverse of how common its label is among the slices that
look most like it at a glance: inverse propensity weighting (Rosenbaum & Rubin 1983), with the propensity by
nearest neighbours.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from imip.inference.head import crop_to_head

GLANCE: Final = 12  # pixels a side
NEIGHBOURS: Final = 60
LARGEST: Final = 6.0  # times the mean weight, so that no slice dominates


def propensity_weights(slices: Sequence[NDArray[np.uint8]], is_tumor: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return each slice's weight, (n,), mean 1 within each label; `is_tumor` is (n,)."""
    glances = np.stack([_glance(pixels) for pixels in slices])
    count = min(NEIGHBOURS, len(slices))
    near = NearestNeighbors(n_neighbors=count).fit(glances).kneighbors(glances, return_distance=False)
    same = (is_tumor[near] == is_tumor[:, None]).mean(axis=1)  # at least 1 / count: each is its own neighbour
    weights = 1 / same
    for label in (False, True):
        mine = weights[is_tumor == label]
        weights[is_tumor == label] = np.minimum(mine / mine.mean(), LARGEST)
    return np.asarray(weights, np.float32)


def _glance(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a slice at GLANCE pixels a side, mirrored onto itself, with mean 0 and deviation 1, flat."""
    small = cv2.resize(crop_to_head(pixels, GLANCE * 8).pixels, (GLANCE, GLANCE), interpolation=cv2.INTER_AREA)
    symmetric = small.astype(np.float32) + small[:, ::-1]
    return np.asarray((symmetric - symmetric.mean()).ravel() / (symmetric.std() + 1e-6), np.float32)
