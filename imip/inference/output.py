"""What one pass of a model answers, before anything is concluded from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Output:
    """Numbers for k labels, in the card's order."""

    probabilities: NDArray[np.float32]  # (k,) calibrated, sum 1
    embedding: NDArray[np.float32]  # (d,) what drift and distance to the reference are measured on
    heatmaps: NDArray[np.float32]  # (h, w, k) evidence for each label, >= 0, unscaled
    measures: NDArray[np.float32] | None = None  # (m,) what else the module's model measures, if anything
