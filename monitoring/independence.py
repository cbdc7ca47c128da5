"""Which findings count as independent: slices of one patient, or one slice sent twice, must count once.

No patient's identity is kept, so kinship is told from embeddings alone: two findings are kin if these lie nearer to
each other than nearly all unrelated ones do. Kin need not be the same patient; what matters is that the findings
that remain are spread alike in a reference and in a window, which the same rule sees to on both sides.
"""

import numpy as np
from numpy.typing import NDArray

UNRELATED_SHARE = 0.02  # of pairs of unrelated scans that may pass for kin


def independent(embeddings: NDArray[np.float32], limit: float) -> NDArray[np.intp]:
    """Return the rows, ascending, of findings to keep, (n, d) given oldest first.

    The newest is kept, then every one before it that is farther than `limit` from all kept so far. So the last k
    rows returned are what the newest findings alone would give.
    """
    distances = _distances(embeddings)
    free = np.ones(len(embeddings), np.bool_)
    kept = []
    for row in range(len(embeddings) - 1, -1, -1):
        if free[row]:
            kept.append(row)
            free &= distances[row] > limit
    return np.array(kept[::-1], np.intp)


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
