"""How `brain-tumor-type` is made: a pretrained MobileNetV2 learns four labels, a softmax over them out."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np

from imip.modules.brain_tumor_type import AMBIGUOUS, HEALTHY
from training.calibration import fit_temperature
from training.data.samples import Sample
from training.data.split import Dataset
from training.evaluation import multiclass
from training.export.artifact import Trained, write_artifact
from training.export.litert import (
    logits,
    prove,
    read_weights,
    round_and_write_weights,
    served_probabilities,
    to_litert,
)
from training.networks import mobilenet
from training.recipe import Evaluation
from training.recipes.brain_mri import BrainMriTypes, head_inputs
from training.recipes.brain_tumor_type import thresholds
from training.recipes.brain_tumor_type.network import EMBEDDED, build
from training.recipes.brain_tumor_type.stages import SEED, Labelled, train

PARITY_SCANS: Final = 100
IMAGENET: Final = "imagenet.h5"  # in the run's folder: a Keras 2 export; without it, Keras fetches its own weights


class BrainTumorType(BrainMriTypes):
    """The recipe of the shipped network."""

    def train(self, dataset: Dataset, run: Path, epochs: int | None) -> Path:
        keras.utils.set_random_seed(SEED)
        network = build(mobilenet.pretrained(run / IMAGENET), len(self.about.labels))
        parts = self._labelled(dataset.part("train")), self._labelled(dataset.part("validation"))
        train(network, *parts, run, epochs)
        return round_and_write_weights(network, run)

    def export(self, weights: Path, dataset: Dataset, out: Path) -> str:
        network = build(mobilenet.untrained(), len(self.about.labels))
        read_weights(network, weights)
        validation, labels = self._labelled(dataset.part("validation"))
        inputs = head_inputs(validation, self.about.side)
        temperature = fit_temperature(logits(network, inputs), labels)
        graph = to_litert(network, temperature, EMBEDDED)
        slices = inputs[..., 0].astype(np.uint8)
        actual = np.array([self.label(sample.class_name) for sample in validation])
        chosen = thresholds.choose(served_probabilities(graph, slices), actual)
        trained = Trained(graph, temperature.described(), chosen)
        parity = prove(network, temperature, graph, slices[:: max(1, len(slices) // PARITY_SCANS)])
        write_artifact(self.module, self.about, trained, validation, dataset.groups(validation), out)
        return str(parity)

    def tables(self, evaluation: Evaluation) -> dict[str, Any]:
        return {"starting_thresholds": by_thresholds(evaluation)}

    def _labelled(self, samples: list[Sample]) -> Labelled:
        indices = [self.about.labels.index(self.label(sample.class_name)) for sample in samples]
        return samples, np.array(indices, np.int64)


def by_thresholds(evaluation: Evaluation) -> dict[str, Any]:
    """Return how the module's thresholds and the starting ones do on the same scans, as a table of the card."""
    sets = {
        "shipped": evaluation.module.card.decision.thresholds,
        "starting values": thresholds.STARTING,
    }
    return {
        "title": "The same probabilities by other thresholds (No Tumor, Meningioma, Glioma, Pituitary):",
        "columns": ["Thresholds", "Answered share", "Answered accuracy", "False negative rate"],
        "rows": [[_named(name, values), *_scores(evaluation, values)] for name, values in sets.items()],
    }


def _named(name: str, values: Mapping[str, float]) -> str:
    return f"{name}: {', '.join(f'{values[label]:.2f}' for label in thresholds.LABELS)}"


def _scores(evaluation: Evaluation, values: Mapping[str, float]) -> list[dict[str, float | None]]:
    assert isinstance(evaluation.scored, multiclass.Scored)
    answered = thresholds.answers(evaluation.scored.probabilities, values)
    scored = replace(evaluation.scored, answered=answered, uncertain=answered == AMBIGUOUS)
    metrics = multiclass.evaluate(scored, healthy=HEALTHY).metrics
    return [metrics[name].as_dict() for name in ("answered_share", "answered_accuracy", "false_negative_rate")]
