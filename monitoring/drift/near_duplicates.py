"""Which findings count as independent: slices of one patient, or one slice sent twice, must count once.

No patient's identity is kept, so kinship is told from embeddings alone: two findings are kin if these lie nearer to
each other than nearly all unrelated ones of their label do. Labels are told apart since they differ in spread; one
limit for all would leave more kin among the findings of the wider one. Some unrelated findings pass for kin as well,
which does no harm as long as a reference and a window are thinned by the same limits.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from monitoring.drift.arrays import PredictionArrays

UNRELATED_SHARE = 0.025  # of pairs of unrelated scans that may pass for kin


def independent(embeddings: NDArray[np.float32], limits: float | NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the rows to keep, ascending, of findings given oldest first, (n, d).

    The newest is kept, then every one before it that is no kin of one kept already. Two are kin if their distance is
    within both their limits; `limits` is one for all, or (n,). Looking further back changes none of the newer rows.
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


def independent_rows(findings: PredictionArrays, kinship: Mapping[str, float]) -> NDArray[np.intp]:
    """Return the rows of findings, oldest first, to keep; `kinship` holds each label's limit.

    A label that has none, since no reference scan was given it, gets the smallest there is.
    """
    smallest = min(kinship.values())
    return independent(findings.embeddings, np.array([kinship.get(label, smallest) for label in findings.labels]))


def kinship_limits(
    embeddings: NDArray[np.float32], labels: NDArray[np.str_], groups: NDArray[np.int64]
) -> dict[str, float]:
    """Return each label's limit, from scans of known groups, (n, d), (n,) and (n,).

    A label found in one group only gets the limit of all scans together. Raises ValueError if there is only one group.
    """
    limits = {}
    for label in np.unique(labels):
        own = labels == label
        chosen = own if len(np.unique(groups[own])) > 1 else np.ones(len(labels), np.bool_)
        limits[str(label)] = kinship_limit(embeddings[chosen], groups[chosen])
    return limits


def kinship_limit(embeddings: NDArray[np.float32], groups: NDArray[np.int64]) -> float:
    """Return the distance that all but UNRELATED_SHARE of pairs of different groups exceed; (n, d) and (n,).

    Raises ValueError if there is only one group.
    """
    first, second = np.triu_indices(len(groups), 1)
    unrelated = groups[first] != groups[second]
    if not unrelated.any():
        raise ValueError("A kinship limit takes scans of at least two groups.")
    return float(np.quantile(_distances(embeddings)[first, second][unrelated], UNRELATED_SHARE))


def _distances(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the Euclidean distances between all rows, (n, n)."""
    rows = embeddings.astype(np.float64)
    squares = (rows**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0)), np.float64)
