"""The default recipe: a small convolutional network for whatever labels and size a module names.

A module without a recipe of its own is trained by it on folders of scans named as its labels, each scan cut as the
module itself cuts it. A `BinaryClassifier` gets one sigmoid and an operating point, a `Classifier` a softmax.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from imip.inference.module import AnalysisModule, BinaryClassifier
from imip.inference.preprocessing import fit_region
from imip.scan.read import read_scan
from training.about import About
from training.calibration import (
    Platt,
    Temperature,
    choose_confidence,
    choose_operating_point,
    fit_platt,
    fit_temperature,
)
from training.data.batches import as_inputs
from training.data.samples import Sample, plain
from training.data.split import Dataset, make_manifest, write_manifest
from training.export.artifact import Trained, write_artifact
from training.export.litert import (
    logits,
    prove,
    read_weights,
    round_weights,
    served_probabilities,
    to_litert,
    write_weights,
)
from training.networks.sequential_cnn import EPOCHS, Labelled, build, ends, fit
from training.recipe import Recipe

PARITY_SCANS: Final = 200


class DefaultRecipe(Recipe):
    """The recipe of every module that has none of its own."""

    def __init__(self, module: type[AnalysisModule], about: About) -> None:
        super().__init__(module, about)
        self.manifest_name = module.name
        self.folders = {plain(label): label for label in about.labels}

    def label(self, class_name: str) -> str:
        return class_name

    def begin(self, samples: Sequence[Sample]) -> None:
        """Let the first data set that is trained on make the module's manifest."""
        if self.split == "ours" and not self.manifest.exists():
            write_manifest(make_manifest(samples), self.manifest)

    def divide(self, samples: Sequence[Sample]) -> Dataset:
        """Divide scans as the module's manifest says. Raises KeyError if there is none, or a scan is not in it."""
        if not self.manifest.exists():
            raise KeyError(self.manifest.name)
        return super().divide(samples)

    def train(self, dataset: Dataset, run: Path, epochs: int | None) -> Path:
        train, validation = self._labelled(dataset.part("train")), self._labelled(dataset.part("validation"))
        network = fit(self._build(), train, validation, run, min(epochs or EPOCHS, EPOCHS))
        round_weights(network)
        write_weights(network, run / "weights.npz")
        return run / "weights.npz"

    def export(self, weights: Path, dataset: Dataset, out: Path) -> str:
        network = self._build()
        read_weights(network, weights)
        samples = dataset.part("validation")
        validation = self._labelled(samples)
        calibration = self._calibrated(logits(network, as_inputs(list(validation.inputs))), validation.labels)
        graph = to_litert(network, calibration, ends(self.about.side))
        thresholds = self._thresholds(served_probabilities(graph, validation.inputs), validation.labels)
        some = validation.inputs[:: max(1, len(samples) // PARITY_SCANS)]
        parity = prove(network, calibration, graph, some)
        trained = Trained(graph, calibration.described(), thresholds)
        write_artifact(self.module, self.about, trained, samples, dataset.groups(samples), out)
        return str(parity)

    @property
    def _is_binary(self) -> bool:
        return issubclass(self.module, BinaryClassifier)

    def _build(self) -> keras.Sequential:
        return build(self.about.side, 1 if self._is_binary else len(self.about.labels))

    def _labelled(self, samples: Sequence[Sample]) -> Labelled:
        """Return samples as the network's: each cut as served."""
        inputs = []
        for sample in samples:
            pixels = read_scan(sample.data).pixels
            inputs.append(fit_region(pixels, self.module.crop(pixels), self.about.side).pixels)
        indices = [self.about.labels.index(self.label(sample.class_name)) for sample in samples]
        return Labelled(np.stack(inputs), np.array(indices, np.int64))

    def _calibrated(self, scores: NDArray[np.float64], labels: NDArray[np.int64]) -> Platt | Temperature:
        return fit_platt(scores[:, 0], labels == 0) if self._is_binary else fit_temperature(scores, labels)

    def _thresholds(self, probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, float]:
        if self._is_binary:
            return asdict(choose_operating_point(probabilities[:, 0], labels == 0))
        return {"confident": choose_confidence(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)}
