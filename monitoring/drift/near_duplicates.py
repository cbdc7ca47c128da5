"""Which predictions count as independent: slices of one patient, or one slice sent twice, must count once.

No patient's identity is kept, so near-duplicates are found by embeddings alone: two predictions are near-duplicates
if their embeddings lie nearer to each other than nearly all unrelated ones of their label do. Each label has a limit of
its own, since labels differ in spread: one limit for all would leave more near-duplicates in the label of wider spread.
Some unrelated predictions count as near-duplicates as well, which does no harm as long as a reference and a window are
thinned by the same limits.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from monitoring.drift.arrays import PredictionArrays

UNRELATED_SHARE = 0.075  # of pairs of unrelated scans that may count as near-duplicates


def independent(embeddings: NDArray[np.float32], limits: float | NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the rows to keep, ascending, of predictions given oldest first, (n, d).

    The newest is kept, then every one before it that is no near-duplicate of one kept already. Two are near-duplicates
    if their distance is within both their limits; `limits` is one for all, or (n,). Looking further back changes none
    of the newer rows.
    """
    distances = _distances(embeddings)
    limit = np.broadcast_to(limits, len(embeddings))
    free = np.ones(len(embeddings), np.bool_)
    kept = []
    for row in range(len(embeddings) - 1, -1, -1):
        if free[row]:
            kept.append(row)
            free &= distances[row] > np.minimum(limit, limit[row])
    return np.array(kept[::-1], np.intp)


def independent_rows(predictions: PredictionArrays, limits: Mapping[str, float]) -> NDArray[np.intp]:
    """Return the rows of predictions, oldest first, to keep; `limits` holds each label's limit.

    A label that has none, since no reference scan was given it, gets the smallest there is.
    """
    smallest = min(limits.values())
    return independent(predictions.embeddings, np.array([limits.get(label, smallest) for label in predictions.labels]))


def near_duplicate_limits(
    embeddings: NDArray[np.float32], labels: NDArray[np.str_], groups: NDArray[np.int64]
) -> dict[str, float]:
    """Return each label's limit, from scans of known groups, (n, d), (n,) and (n,).

    A label found in one group only gets the limit of all scans together. Raises ValueError if there is only one group.
    """
    limits = {}
    for label in np.unique(labels):
        own = labels == label
        chosen = own if len(np.unique(groups[own])) > 1 else np.ones(len(labels), np.bool_)
        limits[str(label)] = near_duplicate_limit(embeddings[chosen], groups[chosen])
    return limits


def near_duplicate_limit(embeddings: NDArray[np.float32], groups: NDArray[np.int64]) -> float:
    """Return the distance that all but UNRELATED_SHARE of pairs of different groups exceed; (n, d) and (n,).

    Raises ValueError if there is only one group.
    """
    first, second = np.triu_indices(len(groups), 1)
    unrelated = groups[first] != groups[second]
    if not unrelated.any():
        raise ValueError("A limit takes scans of at least two groups.")
    return float(np.quantile(_distances(embeddings)[first, second][unrelated], UNRELATED_SHARE))


def _distances(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the Euclidean distances between all rows, (n, n)."""
    rows = embeddings.astype(np.float64)
    squares = (rows**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0)), np.float64)
