"""How `brain-tumor` is made: a small sequential CNN trained from scratch in stages, one probability out."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import keras
import numpy as np

from training.calibration import choose_operating_point, fit_platt
from training.data.split import Dataset
from training.export.artifact import Trained, write_artifact
from training.export.litert import (
    logits,
    prove,
    read_weights,
    round_and_write_weights,
    served_probabilities,
    to_litert,
)
from training.loop import FitOptions, fit
from training.recipes.brain_mri import NO_TUMOR, BrainMri, head_inputs, is_tumor
from training.recipes.brain_tumor.mix import Augmenter, Mix, MixedBatches, validation_arrays
from training.recipes.brain_tumor.network import SIDE, build

PARITY_SCANS: Final = 200
Stage = tuple[FitOptions, Mix]

PAINTED: Final = Mix(painted=0.25)
UNTIED: Final = Mix(painted=0.25, healed=0.3, doubled=0.05, mirrored=0.1, toned=0.3, balanced=True)
LOSS: Final = "binary_crossentropy"
STAGES: Final[Sequence[Stage]] = (  # what tumors look like; then that scanner, plane and scalp are no sign of one
    (FitOptions(LOSS, epochs=46, peak_rate=1e-3), PAINTED),
    (FitOptions(LOSS, epochs=16, peak_rate=4e-4), UNTIED),
    (FitOptions(LOSS, epochs=12, peak_rate=3e-4), replace(UNTIED, reshaded=0.5)),
)


class BrainTumor(BrainMri):
    """The recipe of the shipped network."""

    stages: Sequence[Stage] = STAGES

    def label(self, class_name: str) -> str:
        return "No Tumor" if class_name == NO_TUMOR else "Tumor"

    def train(self, dataset: Dataset, run: Path, epochs: int | None) -> Path:
        keras.utils.set_random_seed(self.stages[0][0].seed)
        network = build()
        train, validation = dataset.part("train"), dataset.part("validation")
        for number, (options, mix) in enumerate(self.stages, start=1):
            batches = MixedBatches(Augmenter(train, SIDE, mix), options.batch_size, options.seed)
            held_out = validation_arrays(Augmenter(validation, SIDE, mix), options.seed)
            network = fit(network, batches, held_out, run / f"stage-{number}", options.at_most(epochs))
        return round_and_write_weights(network, run)

    def export(self, weights: Path, dataset: Dataset, out: Path) -> str:
        network = build()
        read_weights(network, weights)
        validation = dataset.part("validation")
        inputs, tumor = head_inputs(validation, SIDE), is_tumor(validation)
        platt = fit_platt(logits(network, inputs)[:, 0], tumor)
        graph = to_litert(network, platt)
        slices = inputs[..., 0].astype(np.uint8)
        probabilities = served_probabilities(graph, slices)[:, 0]
        trained = Trained(graph, platt.described(), asdict(choose_operating_point(probabilities, tumor)))
        parity = prove(network, platt, graph, slices[:: max(1, len(slices) // PARITY_SCANS)])
        write_artifact(self.module, self.about, trained, validation, dataset.groups(validation), out)
        return str(parity)
