"""The archives of MedMNIST (Yang et al., MedMNIST v2, Scientific Data 2023): one `.npz` with its own three parts.

Each picture becomes the PNG that a client would send, so that everything after reading is as for any other scan.
"""

import hashlib
from collections.abc import Sequence
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from imip.explain.heatmap import encode_png
from training.data.samples import Sample
from training.data.split import Dataset, Entry, Split

PARTS: Final[dict[str, Split]] = {"train": "train", "val": "validation", "test": "test"}  # later parts keep a copy
NEAR_DUPLICATE = 0.95  # Pearson correlation of two pictures


def read(archive: Path, classes: Sequence[str]) -> list[Sample]:
    """Read all pictures, each (side, side) uint8, with the class that their number means in `classes`.

    Paths are those of no file: ARCHIVE/PART/NUMBER.png. Raises OSError if there is no archive, ValueError or KeyError
    if it is none of MedMNIST's with single labels in grayscale.
    """
    samples = []
    with np.load(archive, allow_pickle=False) as arrays:
        for part in PARTS:
            pictures, numbers = arrays[f"{part}_images"], arrays[f"{part}_labels"]
            if pictures.ndim != 3 or pictures.dtype != np.uint8 or numbers.shape != (len(pictures), 1):
                raise ValueError(f"{archive.name} does not hold grayscale pictures with one label each")
            for index, (pixels, number) in enumerate(zip(pictures, numbers[:, 0].tolist(), strict=True)):
                data = encode_png(pixels)
                path = archive / part / f"{index:05d}.png"
                samples.append(Sample(path, hashlib.sha256(data).hexdigest(), classes[number], pixels, data))
    return samples


def is_of_archive(sample: Sample) -> bool:
    """Return whether a sample was read from an archive rather than from a folder."""
    return sample.path.parents[1].suffix == ".npz" and sample.path.parent.name in PARTS


def official_split(samples: Sequence[Sample]) -> Dataset:
    """Divide samples of an archive as MedMNIST did, near-duplicates in one group.

    A picture that is in two parts is kept in the later one alone: what is evaluated on must not be trained on. Raises
    KeyError if a sample is not of an archive.
    """
    if strange := [sample.digest for sample in samples if not is_of_archive(sample)]:
        raise KeyError(strange[0])
    entries = {
        sample.digest: Entry(sample.digest, sample.class_name, number, PARTS[sample.path.parent.name])
        for sample, number in zip(samples, _near_duplicates(samples).tolist(), strict=True)
    }
    kept = [sample for sample in samples if entries[sample.digest].split == PARTS[sample.path.parent.name]]
    return Dataset(kept, entries)


def near_duplicates(samples: Sequence[Sample]) -> dict[tuple[Split, Split], tuple[int, int]]:
    """Return for each two parts how many pairs of pictures are near-duplicates, and how many of these exact copies."""
    alike = _correlation(samples) >= NEAR_DUPLICATE
    np.fill_diagonal(alike, False)
    part = np.array([PARTS[sample.path.parent.name] for sample in samples])
    picture = np.unique([sample.digest for sample in samples], return_inverse=True)[1]
    counts = {}
    for one, other in combinations_with_replacement(PARTS.values(), 2):
        rows, columns = np.flatnonzero(part == one), np.flatnonzero(part == other)
        pairs = alike[np.ix_(rows, columns)]
        copies = pairs & (picture[rows][:, None] == picture[columns])
        seen = 2 if one == other else 1  # times that each pair is in the matrix
        counts[one, other] = np.count_nonzero(pairs) // seen, np.count_nonzero(copies) // seen
    return counts


def _near_duplicates(samples: Sequence[Sample]) -> NDArray[np.int32]:
    """Return the number of each sample's group, (n,): those that pairwise near-duplicates chain together."""
    alike = csr_matrix(_correlation(samples) >= NEAR_DUPLICATE)
    return np.asarray(connected_components(alike, directed=False)[1], np.int32)


def _correlation(samples: Sequence[Sample]) -> NDArray[np.float32]:
    """Return Pearson's correlation of each two pictures, (n, n)."""
    flat = np.stack([sample.pixels for sample in samples]).reshape(len(samples), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return np.asarray(flat @ flat.T, np.float32)
