"""Which scans belong together, so that no group is ever split between training and test.

Two scans are linked if either holds:

- near-duplicates: the Pearson correlation of their 32x32 reductions is at least 0.95, on the raw slice or on
  the slice cut to the head, there also mirrored left-right, up-down or both;
- the same patient, as far as can be told: they are neighbours in the file numbering of one tumor folder and
  correlate at 0.85 or more. The numbering of this data set still follows its patients: about half of all
  numbered neighbours correlate that highly, against 1% of random pairs.

Groups are the connected components. Linking too much costs nothing but freedom in splitting; linking too
little leaks.
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from imip.inference.head import find_head
from training.data.samples import TUMORS, Sample

NEAR_DUPLICATE = 0.95  # correlation
NUMBERED_NEIGHBOUR = 0.85  # correlation
REDUCED = 32  # pixels a side
MIRRORS = ((1, 1), (1, -1), (-1, 1), (-1, -1))  # row step, column step


def group(samples: Sequence[Sample]) -> NDArray[np.int64]:
    """Return each sample's group number, (n,)."""
    linked = _near_duplicates(samples) | _numbered_neighbours(samples)
    return np.asarray(connected_components(csr_matrix(linked), directed=False)[1], np.int64)


def _near_duplicates(samples: Sequence[Sample]) -> NDArray[np.bool_]:
    raw = _reductions([sample.pixels for sample in samples])
    linked = _correlation(raw, raw) >= NEAR_DUPLICATE
    cut = _reductions([_cut_to_head(sample.pixels) for sample in samples])
    for row_step, column_step in MIRRORS:
        linked |= _correlation(cut, cut[:, ::row_step, ::column_step]) >= NEAR_DUPLICATE
    return linked


def _numbered_neighbours(samples: Sequence[Sample]) -> NDArray[np.bool_]:
    """Link each tumor file to the next one of its folder, in name order, if the two look alike."""
    cut = _reductions([_cut_to_head(sample.pixels) for sample in samples])
    linked = np.zeros((len(samples), len(samples)), np.bool_)
    order = sorted(range(len(samples)), key=lambda index: samples[index].path)
    for this, following in pairwise(order):
        same_folder = samples[this].path.parent == samples[following].path.parent
        alike = float((cut[this] * cut[following]).sum()) >= NUMBERED_NEIGHBOUR
        linked[this, following] = same_folder and alike and samples[this].class_name in TUMORS
    return linked


def _cut_to_head(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    head = find_head(pixels)
    return pixels[head.top : head.bottom, head.left : head.right]


def _reductions(slices: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return each slice at REDUCED pixels a side with zero mean and unit norm, (n, REDUCED, REDUCED)."""
    small = np.stack([cv2.resize(s, (REDUCED, REDUCED), interpolation=cv2.INTER_AREA) for s in slices])
    centred = small.astype(np.float32) - small.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    norms = np.linalg.norm(centred, axis=(1, 2), keepdims=True)
    return np.asarray(centred / np.maximum(norms, 1e-6), np.float32)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(one.reshape(len(one), -1) @ other.reshape(len(other), -1).T, np.float32)
