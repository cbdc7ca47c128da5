"""How `brain-tumor-type` is made: the evidence network's probability of a tumor, and the type read where it lies."""

import keras
import numpy as np
from numpy.typing import NDArray

from imip.inference.card import Calibration
from training.calibration import Platt, fit_temperature
from training.evidence.batches import TYPED
from training.evidence.graph import OnePass
from training.evidence.network import TYPE
from training.recipes.brain_evidence import BrainEvidence, Validation
from training.recipes.brain_mri import BrainMriTypes
from training.recipes.brain_tumor_type import thresholds


class BrainTumorType(BrainMriTypes, BrainEvidence):
    """The recipe of the shipped artifact."""

    def compile(self, network: keras.Model, platt: Platt, validation: Validation) -> tuple[OnePass, Calibration]:
        """Calibrate the types among tumors, apart from whether there is one."""
        typed = [
            (row, TYPED.index(sample.class_name))
            for row, sample in enumerate(validation.samples)
            if sample.class_name in TYPED
        ]
        rows, kinds = np.array(typed).T
        temperature = fit_temperature(validation.logits[TYPE][rows].astype(np.float64), kinds)
        calibration = Calibration(
            method="Platt scaling of the tumor's logit, temperature scaling of the types', on validation",
            parameters={**platt.described().parameters, **temperature.described().parameters},
        )
        return OnePass(network, platt, temperature), calibration

    def thresholds(self, validation: Validation, probabilities: NDArray[np.float64]) -> dict[str, float]:
        actual = np.array([self.label(sample.class_name) for sample in validation.samples])
        return thresholds.choose(probabilities, actual)
