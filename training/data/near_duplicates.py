"""Which scans belong together, so that no group is ever split between training and test.

Two scans are linked if either holds:

- near-duplicates: the Pearson correlation of their 32x32 reductions is at least 0.95, on the whole slice or on the
  slice as its module crops it, there also mirrored left-right, up-down or both;
- probably the same patient: they are neighbours in the file numbering of one folder, of a class whose files are
  numbered by patient, and correlate at 0.85 or more.

Groups are the connected components. Linking too much costs nothing but freedom in splitting; linking too little leaks.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from imip.inference.preprocessing import Region
from training.data.samples import Sample

NEAR_DUPLICATE = 0.95  # correlation
NUMBERED_NEIGHBOUR = 0.85  # correlation
REDUCED = 32  # pixels a side
MIRRORS = ((1, 1), (1, -1), (-1, 1), (-1, -1))  # row step, column step

Crop = Callable[[NDArray[np.uint8]], Region]
Reductions = NDArray[np.float32]  # (n, REDUCED, REDUCED), each of zero mean and unit norm


@dataclass(frozen=True, slots=True)
class Reduced:
    """n slices, small enough to compare all with all."""

    whole: Reductions
    cropped: Reductions  # as their module crops them

    def take(self, rows: NDArray[np.bool_]) -> "Reduced":
        return Reduced(self.whole[rows], self.cropped[rows])


def group(samples: Sequence[Sample], crop: Crop, numbered: Collection[str] = ()) -> NDArray[np.int64]:
    """Return each sample's group number, (n,); `numbered` are the classes whose files are numbered by patient."""
    reduced = _reduce(samples, crop)
    linked = _alike(reduced, reduced) | _numbered_neighbours(samples, reduced.cropped, numbered)
    return np.asarray(connected_components(csr_matrix(linked), directed=False)[1], np.int64)


def group_each(samples: Sequence[Sample], crop: Crop, numbered: Collection[str] = ()) -> NDArray[np.int64]:
    """Return each sample's group number, (n,): its patient where the source names one, otherwise as `group` says.

    Sources are grouped one by one: see `copies` for what is in two of them.
    """
    numbers = np.zeros(len(samples), np.int64)
    sources = [sample.source for sample in samples]
    for source in dict.fromkeys(sources):
        rows = [row for row, other in enumerate(sources) if other == source]
        chosen = [samples[row] for row in rows]
        patients = [sample.origin.patient for sample in chosen if sample.origin and sample.origin.patient]
        is_known = len(patients) == len(chosen)
        own = np.unique(patients, return_inverse=True)[1] if is_known else group(chosen, crop, numbered)
        numbers[rows] = own + (numbers.max() + 1 if source != sources[0] else 0)
    return numbers


def copies(samples: Sequence[Sample], crop: Crop) -> NDArray[np.bool_]:
    """Return which samples, (n,), are near-duplicates of one whose source comes before theirs.

    Only sources that name no patients are compared: patients of two others are not the same.
    """
    found = np.zeros(len(samples), np.bool_)
    rows = np.array([row for row, sample in enumerate(samples) if sample.origin and sample.origin.patient is None])
    if not rows.size:
        return found
    reduced = _reduce([samples[row] for row in rows], crop)
    order = list(dict.fromkeys(samples[row].source for row in rows))
    place = np.array([order.index(samples[row].source) for row in rows])
    for later in range(1, len(order)):
        alike = _alike(reduced.take(place == later), reduced.take(place < later))
        found[rows[place == later]] = alike.any(axis=1)
    return found


def _reduce(samples: Sequence[Sample], crop: Crop) -> Reduced:
    return Reduced(
        _reductions([sample.pixels for sample in samples]),
        _reductions([_cut(sample.pixels, crop(sample.pixels)) for sample in samples]),
    )


def _alike(ones: Reduced, others: Reduced) -> NDArray[np.bool_]:
    """Return which pairs are near-duplicates, (n, m)."""
    linked = _correlation(ones.whole, others.whole) >= NEAR_DUPLICATE
    for row_step, column_step in MIRRORS:
        linked |= _correlation(ones.cropped, others.cropped[:, ::row_step, ::column_step]) >= NEAR_DUPLICATE
    return linked


def _numbered_neighbours(
    samples: Sequence[Sample], cropped: Reductions, numbered: Collection[str]
) -> NDArray[np.bool_]:
    """Link each file of a numbered class to the next one of its folder, in name order, if the two look alike."""
    linked = np.zeros((len(samples), len(samples)), np.bool_)
    order = sorted(range(len(samples)), key=lambda index: samples[index].path)
    for this, following in pairwise(order):
        same_folder = samples[this].path.parent == samples[following].path.parent
        alike = float((cropped[this] * cropped[following]).sum()) >= NUMBERED_NEIGHBOUR
        linked[this, following] = same_folder and alike and samples[this].class_name in numbered
    return linked


def _cut(pixels: NDArray[np.uint8], region: Region) -> NDArray[np.uint8]:
    return pixels[region.top : region.bottom, region.left : region.right]


def _reductions(slices: Sequence[NDArray[np.uint8]]) -> Reductions:
    """Return each slice at REDUCED pixels a side, with zero mean and unit norm."""
    small = np.stack([cv2.resize(s, (REDUCED, REDUCED), interpolation=cv2.INTER_AREA) for s in slices])
    centred = small.astype(np.float32) - small.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    norms = np.linalg.norm(centred, axis=(1, 2), keepdims=True)
    return np.asarray(centred / np.maximum(norms, 1e-6), np.float32)


def _correlation(one: Reductions, other: Reductions) -> NDArray[np.float32]:
    return np.asarray(one.reshape(len(one), -1) @ other.reshape(len(other), -1).T, np.float32)
