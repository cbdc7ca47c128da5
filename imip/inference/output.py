"""The output of one pass of a model, before the decision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Output:
    """Arrays for k labels, in the order of the card."""

    probabilities: NDArray[np.float32]  # (k,) calibrated, sum 1
    embedding: NDArray[np.float32]  # (d,) used for drift and for the distance from the reference
    heatmaps: NDArray[np.float32]  # (h, w, k) one per label, >= 0, not normalised
    measures: NDArray[np.float32] | None = None  # (m,) other values that the model computes, if any
