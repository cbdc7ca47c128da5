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
from training.augmentation.jitter import jitter
from training.calibration import (
    Platt,
    Temperature,
    choose_confidence,
    choose_operating_point,
    fit_platt,
    fit_temperature,
)
from training.data.balance import class_weights
from training.data.batches import JitteredBatches, as_inputs
from training.data.samples import Sample, plain
from training.data.split import Dataset, write_manifest
from training.export.artifact import Trained, write_artifact
from training.export.litert import logits, prove, served_probabilities, to_litert
from training.loop import FitOptions, fit
from training.networks.sequential_cnn import build, ends
from training.networks.weights import read_weights, round_and_write_weights
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
        """Write the module's manifest from the first data set that is trained on."""
        if self.divided_by == "us" and not self.manifest.exists():
            write_manifest(self.split(samples), self.manifest)

    def divide(self, samples: Sequence[Sample]) -> Dataset:
        """Divide scans as the module's manifest says. Raises KeyError if there is none, or a scan is not in it."""
        if not self.manifest.exists():
            raise KeyError(self.manifest.name)
        return super().divide(samples)

    def train(self, dataset: Dataset, run: Path, epochs: int | None) -> Path:
        """Train; the validation loss is taken over each picture twice, as it is and jittered once."""
        options = self._fit_options.at_most(epochs)
        pictures, labels = self._pictures(dataset.part("train"))
        held_out, held_out_labels = self._pictures(dataset.part("validation"))
        jittered = [jitter(picture, np.random.default_rng((options.seed, i))) for i, picture in enumerate(held_out)]
        keras.utils.set_random_seed(options.seed)
        network = fit(
            self._build(),
            JitteredBatches(
                pictures, self._targets(labels), class_weights(labels)[labels], options.batch_size, options.seed
            ),
            (as_inputs([*held_out, *jittered]), self._targets(np.tile(held_out_labels, 2))),
            run,
            options,
        )
        return round_and_write_weights(network, run)

    def export(self, weights: Path, dataset: Dataset, out: Path) -> str:
        network = self._build()
        read_weights(network, weights)
        samples = dataset.part("validation")
        pictures, labels = self._pictures(samples)
        calibration = self._calibrated(logits(network, as_inputs(list(pictures))), labels)
        graph = to_litert(network, calibration, ends(self.about.side))
        thresholds = self._thresholds(served_probabilities(graph, pictures), labels)
        parity = prove(network, calibration, graph, pictures[:: max(1, len(samples) // PARITY_SCANS)])
        trained = Trained(graph, calibration.described(), thresholds)
        write_artifact(self.module, self.about, trained, samples, dataset.groups(samples), out)
        return str(parity)

    @property
    def _is_binary(self) -> bool:
        return issubclass(self.module, BinaryClassifier)

    @property
    def _fit_options(self) -> FitOptions:
        loss = "binary_crossentropy" if self._is_binary else "sparse_categorical_crossentropy"
        return FitOptions(loss, epochs=40, peak_rate=1e-3, patience=12)

    def _build(self) -> keras.Sequential:
        return build(self.about.side, 1 if self._is_binary else len(self.about.labels))

    def _pictures(self, samples: Sequence[Sample]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return samples cut as they are when served, (n, side, side), and the index of each one's label, (n,)."""
        pictures = []
        for sample in samples:
            pixels = read_scan(sample.data).pixels
            pictures.append(fit_region(pixels, self.module.crop(pixels), self.about.side).pixels)
        labels = [self.about.labels.index(self.label(sample.class_name)) for sample in samples]
        return np.stack(pictures), np.array(labels, np.int64)

    def _targets(self, labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what the network should answer: 1 for the first of two labels, (n, 1), or the index, (n,)."""
        return (labels == 0).astype(np.float32)[:, None] if self._is_binary else labels.astype(np.float32)

    def _calibrated(self, scores: NDArray[np.float64], labels: NDArray[np.int64]) -> Platt | Temperature:
        return fit_platt(scores[:, 0], labels == 0) if self._is_binary else fit_temperature(scores, labels)

    def _thresholds(self, probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, float]:
        if self._is_binary:
            return asdict(choose_operating_point(probabilities[:, 0], labels == 0))
        return {"confident": choose_confidence(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)}
