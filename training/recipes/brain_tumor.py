"""How `brain-tumor` is made: the scan's probability of the evidence network."""

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from training.calibration import choose_balanced_point
from training.data.brain import NO_TUMOR
from training.recipes.brain_evidence import BrainEvidence, Validation


class BrainTumor(BrainEvidence):
    """The recipe of the shipped artifact."""

    def label(self, class_name: str) -> str:
        return "No Tumor" if class_name == NO_TUMOR else "Tumor"

    def thresholds(self, validation: Validation, probabilities: NDArray[np.float64]) -> dict[str, float]:
        return asdict(choose_balanced_point(probabilities[:, 0], validation.is_tumor))
