"""A decision tree as plain arrays: read, checked and walked with NumPy alone.

An artifact must not execute code, so no pickled tree is loaded: the arrays below are all there is, and whatever they
hold, walking them ends. scikit-learn grows the tree (`training/recipes/brain_tree.py`) and is not needed here.
"""

import io
import zipfile
import zlib
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imip.errors import ArtifactError

TREE = "tree.npz"  # its file in an artifact
LEAF = -1  # where a node has no feature and no children
FARTHEST = 5.0  # standard deviations; a measure further off counts as this far in an embedding
SUM_TOLERANCE = 1e-4
UNREADABLE = (  # what NumPy, zipfile and zlib raise of bytes that are no archive of arrays
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One question on the way down: is a measure above a threshold?"""

    measure: str
    value: float
    threshold: float
    moved: NDArray[np.float32]  # (k,) by how much the answer changed each label's share

    @property
    def above(self) -> bool:
        return self.value > self.threshold


@dataclass(frozen=True, slots=True)
class Tree:
    """n nodes over f measures and k labels; node 0 is the root, children have higher numbers than their parent.

    Raises ArtifactError if the arrays are no such tree.
    """

    measures: NDArray[np.str_]  # (f,) names
    measure: NDArray[np.int32]  # (n,) index of what is asked for, or LEAF
    threshold: NDArray[np.float64]  # (n,) a value at or below goes left; 0 in a leaf
    left: NDArray[np.int32]  # (n,) or LEAF
    right: NDArray[np.int32]  # (n,) or LEAF
    shares: NDArray[np.float32]  # (n, k) calibrated probability of each label among the scans that come here
    mean: NDArray[np.float32]  # (f,) of the training scans
    scale: NDArray[np.float32]  # (f,) their standard deviation, > 0

    def __post_init__(self) -> None:
        if fault := _fault(self):
            raise ArtifactError(f"{TREE} is no decision tree: {fault}")

    @classmethod
    def read(cls, data: bytes) -> "Tree":
        """Read a tree. Raises ArtifactError if the bytes are none."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return cls(**{field.name: arrays[field.name] for field in fields(cls)})
        except UNREADABLE as fault:
            raise ArtifactError(f"{TREE} cannot be read: {type(fault).__name__}") from fault

    def to_bytes(self) -> bytes:
        """Write the tree; the same tree gives the same bytes."""
        file = io.BytesIO()
        arrays: dict[str, Any] = asdict(self)
        np.savez(file, **arrays)
        return file.getvalue()

    def path(self, values: NDArray[np.float32]) -> tuple[tuple[Step, ...], int]:
        """Walk down with one scan's measures, (f,); return the steps and the number of the leaf."""
        steps, node = [], 0
        while self.measure[node] != LEAF:
            measure, threshold = int(self.measure[node]), float(self.threshold[node])
            value = float(values[measure])
            child = int(self.left[node] if value <= threshold else self.right[node])
            moved = self.shares[child] - self.shares[node]
            steps.append(Step(str(self.measures[measure]), value, threshold, moved))
            node = child
        return tuple(steps), node

    def embed(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardise one scan's measures, (f,), for distances between scans."""
        return np.asarray(np.clip((values - self.mean) / self.scale, -FARTHEST, FARTHEST), np.float32)


def _fault(tree: Tree) -> str | None:
    """Say what is wrong with a tree's arrays, or None."""
    nodes, known = tree.measure.size, tree.measures.size
    shapes = [getattr(tree, name).shape for name in ("measure", "threshold", "left", "right")]
    if not nodes or set(shapes) != {(nodes,)} or tree.shares.ndim != 2 or len(tree.shares) != nodes:
        return "its nodes' arrays differ in length"
    if tree.shares.shape[1] < 2 or {tree.measures.shape, tree.mean.shape, tree.scale.shape} != {(known,)}:
        return "labels or measures are missing"
    kinds = ((tree.measures, "U"), (tree.measure, "i"), (tree.left, "i"), (tree.right, "i"))
    if any(array.dtype.kind != kind for array, kind in kinds):
        return "an array is of the wrong type"
    numbers = tree.threshold, tree.shares, tree.mean, tree.scale
    if any(array.dtype.kind != "f" or not np.isfinite(array).all() for array in numbers) or (tree.scale <= 0).any():
        return "a number is not finite, or a scale not positive"
    if (tree.shares < 0).any() or (np.abs(tree.shares.sum(axis=1) - 1) > SUM_TOLERANCE).any():
        return "shares are no probabilities"
    leaf, number = tree.measure == LEAF, np.arange(nodes)
    if not (leaf | ((tree.measure >= 0) & (tree.measure < known))).all():
        return "a node asks for a measure that there is not"
    for child in (tree.left, tree.right):
        # A child behind its parent: no way down can be endless.
        if not np.where(leaf, child == LEAF, (child > number) & (child < nodes)).all():
            return "a node's child does not follow it"
    return None
