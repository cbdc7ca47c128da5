"""Out-of-distribution detection: the distance of a scan's embedding from the reference embeddings.

It is the Mahalanobis distance (Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution
Samples"). The covariance is shrunk towards its diagonal, so that few reference scans are enough.
"""

import numpy as np
from numpy.typing import NDArray

SHRINKAGE = 0.1  # weight of the diagonal in the covariance


class ReferenceDistance:
    """Distances from the reference embeddings, (n, d)."""

    def __init__(self, reference: NDArray[np.float32]) -> None:
        centred = reference - reference.mean(axis=0)
        covariance = centred.T @ centred / max(len(reference) - 1, 1)
        variance = np.diag(covariance)
        shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.diag(variance)
        shrunk += np.eye(len(variance)) * (1e-3 * variance.mean() + 1e-9)
        self._mean = reference.mean(axis=0)
        self._whiten = np.linalg.cholesky(np.linalg.inv(shrunk)).T

    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distance of one embedding, (d,), or of several, (n, d), in standard deviations."""
        return np.asarray(np.linalg.norm((embeddings - self._mean) @ self._whiten.T, axis=-1), np.float32)
