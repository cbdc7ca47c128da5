"""What the modules made of the evidence network share: one training, and an artifact of its own each."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from imip.inference.card import Calibration
from imip.inference.head import crop_to_head, find_head
from imip.inference.module import FOREIGN, WHOLE_EVIDENCE
from imip.inference.preprocessing import ModelInput, fit_region
from imip.inference.regions import GRID
from imip.inference.runtime import Graph
from training.calibration import CalibrationError, Platt, fit_platt
from training.data.batches import as_inputs
from training.data.samples import Sample
from training.data.split import Dataset
from training.evidence import regions, training
from training.evidence.graph import OnePass, prove, to_litert
from training.evidence.network import SCAN, build
from training.evidence.shapes import SIDE
from training.export.artifact import Trained, write_artifact
from training.networks.weights import read_weights
from training.recipe import ROOT
from training.recipes.brain_mri import BrainMri, is_tumor

RUN: Final = "brain-evidence"
PARITY_SCANS: Final = 200
FLAGGED: Final = 0.005  # share of validation scans that may be called foreign
LEAST: Final = 0.05  # probability of a foreign picture that may be called so, however rarely a scan reaches it
Logits = Mapping[str, NDArray[np.float32]]  # the network's outputs, each (n, ...)


@dataclass(frozen=True, slots=True)
class Validation:
    """The validation part, and what the network says of it."""

    samples: list[Sample]
    groups: NDArray[np.int64]  # (n,)
    inputs: list[ModelInput]
    logits: Logits
    is_tumor: NDArray[np.bool_]  # (n,)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """What the network sees, (n, side, side)."""
        return np.stack([each.pixels for each in self.inputs])


class BrainEvidence(BrainMri):
    """A recipe on the network of `training.evidence`."""

    @property
    def run_name(self) -> str:
        return RUN

    @property
    def weights(self) -> Path:
        return ROOT / "training" / "weights" / f"{RUN}.npz"

    def train(self, dataset: Dataset, run: Path, epochs: int | None) -> Path:
        """Train the network. Raises CalibrationError without masks, as regions could not be chosen in the end."""
        if all(sample.lesion is None for sample in dataset.samples):
            raise CalibrationError("this module learns from masks of lesions, and there are none beside these scans")
        return training.train(dataset, run, epochs)

    def export(self, weights: Path, dataset: Dataset, out: Path) -> str:
        network = build()
        read_weights(network, weights)
        validation = _answered(network, dataset)
        platt = fit_platt(validation.logits[SCAN][:, 0].astype(np.float64), validation.is_tumor)
        one_pass, calibration = self.compile(network, platt, validation)
        graph = to_litert(one_pass)
        parity = prove(one_pass, graph, validation.pixels[:: max(1, len(validation.samples) // PARITY_SCANS)])
        served = Graph(graph)
        outputs = [served.run(pixels) for pixels in validation.pixels]
        region, scaling = _regions(validation, [output.heatmaps[..., WHOLE_EVIDENCE] for output in outputs])
        trained = Trained(
            graph,
            calibration.model_copy(update={"parameters": {**calibration.parameters, **scaling}}),
            {**self.thresholds(validation, np.array([output.probabilities for output in outputs])), "region": region},
            foreign=_foreign_threshold(np.array([output.measures for output in outputs], np.float64)[:, FOREIGN]),
        )
        write_artifact(self.module, self.about, trained, validation.samples, validation.groups, out)
        return str(parity)

    def compile(self, network: keras.Model, platt: Platt, validation: Validation) -> tuple[OnePass, Calibration]:
        """Return the module's pass of the network, and the calibration in it."""
        return OnePass(network, platt, None), platt.described()

    @abstractmethod
    def thresholds(self, validation: Validation, probabilities: NDArray[np.float64]) -> dict[str, float]:
        """Choose the module's thresholds; `probabilities` (n, k) are the served graph's."""


def _answered(network: keras.Model, dataset: Dataset) -> Validation:
    samples = dataset.part("validation")
    inputs = [crop_to_head(sample.pixels, SIDE) for sample in samples]
    pixels = as_inputs([each.pixels for each in inputs])
    logits = network.predict(pixels, batch_size=64, verbose=0)
    return Validation(samples, dataset.groups(samples), inputs, logits, is_tumor(samples))


def _regions(validation: Validation, evidence: list[NDArray[np.float32]]) -> tuple[float, Mapping[str, float]]:
    """Choose the threshold of regions on slices with a mask, and calibrate them on these and on empty slices."""
    drawn = [row for row, sample in enumerate(validation.samples) if sample.lesion is not None]
    known = sorted({*drawn, *np.flatnonzero(~validation.is_tumor).tolist()})
    lesions = {row: in_input(validation.samples[row]) for row in known}
    threshold = regions.choose_threshold([evidence[row] for row in drawn], [lesions[row] for row in drawn])
    scaling = regions.calibrate(
        [evidence[row] for row in known],
        [validation.inputs[row] for row in known],
        list(lesions.values()),
        threshold,
        [bool(validation.logits[SCAN][row, 0] > 0) for row in known],
    )
    return threshold, scaling


def in_input(sample: Sample) -> NDArray[np.bool_]:
    """Return the lesion of a slice in its model input, (GRID, GRID); nothing where none was drawn."""
    if sample.lesion is None:
        return np.zeros((GRID, GRID), np.bool_)
    return fit_region(np.where(sample.lesion, 255, 0).astype(np.uint8), find_head(sample.pixels), GRID).pixels > 127


def _foreign_threshold(probabilities: NDArray[np.float64]) -> float:
    """Return the probability of a foreign picture that validation scans all but never reach, at least LEAST."""
    return round(max(LEAST, float(np.quantile(probabilities, 1 - FLAGGED))), 4)
