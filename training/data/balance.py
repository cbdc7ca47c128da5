"""Sample weights with which all labels count alike."""

import numpy as np
from numpy.typing import NDArray


def class_weights(labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return each label's weight, (k,), with which all labels, (n,) indices, count alike."""
    counts = np.bincount(labels)
    return (len(labels) / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
