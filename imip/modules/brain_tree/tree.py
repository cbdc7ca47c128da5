"""A decision tree as plain NumPy arrays.

Loading an artifact must not execute code, so the tree is not pickled. The arrays are validated, so that every path
through the tree ends. scikit-learn trains the tree (`training/recipes/brain_tree/`) and is not needed here.
"""

import io
import zipfile
import zlib
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imip.errors import ArtifactError

TREE = "tree.npz"  # file name in an artifact
LEAF = -1  # measure and children of a leaf
MAX_DEVIATION = 5.0  # standard deviations; larger values are clipped in an embedding
SUM_TOLERANCE = 1e-4
READ_ERRORS = (  # raised by NumPy, zipfile and zlib for bytes that are not an archive of arrays
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One comparison of a measure with a threshold on the path."""

    measure: str
    value: float
    threshold: float
    gain: NDArray[np.float32]  # (k,) change of the probability of each label at this step

    @property
    def above(self) -> bool:
        return self.value > self.threshold


@dataclass(frozen=True, slots=True)
class Tree:
    """n nodes, f measures and k labels. Node 0 is the root; children have higher numbers than their parent.

    Raises ArtifactError if the arrays are not such a tree.
    """

    measures: NDArray[np.str_]  # (f,) names
    measure: NDArray[np.int32]  # (n,) index of the compared measure, or LEAF
    threshold: NDArray[np.float64]  # (n,) values at or below it go left; 0 in a leaf
    left: NDArray[np.int32]  # (n,) or LEAF
    right: NDArray[np.int32]  # (n,) or LEAF
    shares: NDArray[np.float32]  # (n, k) calibrated probability of each label for scans at this node
    mean: NDArray[np.float32]  # (f,) of the training scans
    scale: NDArray[np.float32]  # (f,) their standard deviation, > 0

    def __post_init__(self) -> None:
        if error := _find_error(self):
            raise ArtifactError(f"{TREE} is no decision tree: {error}")

    @classmethod
    def read(cls, data: bytes) -> "Tree":
        """Read a tree. Raises ArtifactError if the bytes are not a valid tree."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return cls(**{field.name: arrays[field.name] for field in fields(cls)})
        except READ_ERRORS as error:
            raise ArtifactError(f"{TREE} cannot be read: {type(error).__name__}") from error

    def to_bytes(self) -> bytes:
        """Return the tree as an .npz file; equal trees give equal bytes."""
        file = io.BytesIO()
        arrays: dict[str, Any] = asdict(self)
        np.savez(file, **arrays)
        return file.getvalue()

    def path(self, values: NDArray[np.float32]) -> tuple[tuple[Step, ...], int]:
        """Return the steps and the leaf for the measures of one scan, (f,)."""
        steps, node = [], 0
        while self.measure[node] != LEAF:
            measure, threshold = int(self.measure[node]), float(self.threshold[node])
            value = float(values[measure])
            child = int(self.left[node] if value <= threshold else self.right[node])
            gain = self.shares[child] - self.shares[node]
            steps.append(Step(str(self.measures[measure]), value, threshold, gain))
            node = child
        return tuple(steps), node

    def embed(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardise the measures of one scan, (f,), as its embedding."""
        return np.asarray(np.clip((values - self.mean) / self.scale, -MAX_DEVIATION, MAX_DEVIATION), np.float32)


def _find_error(tree: Tree) -> str | None:
    """Return what is wrong with the arrays of a tree, or None."""
    nodes, measures = tree.measure.size, tree.measures.size
    shapes = [getattr(tree, name).shape for name in ("measure", "threshold", "left", "right")]
    if not nodes or set(shapes) != {(nodes,)} or tree.shares.ndim != 2 or len(tree.shares) != nodes:
        return "its nodes' arrays differ in length"
    if tree.shares.shape[1] < 2 or {tree.measures.shape, tree.mean.shape, tree.scale.shape} != {(measures,)}:
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
    if not (leaf | ((tree.measure >= 0) & (tree.measure < measures))).all():
        return "a node asks for a measure that there is not"
    for child in (tree.left, tree.right):
        # Children have higher numbers than their parent, so no path is endless.
        if not np.where(leaf, child == LEAF, (child > number) & (child < nodes)).all():
            return "a node's child does not follow it"
    return None
