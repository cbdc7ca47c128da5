"""How `chest-pneumonia` is made: the default recipe on MedMNIST's archive and split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imip.inference.decision import OUT_OF_DISTRIBUTION
from imip.inference.module import AnalysisModule
from imip.inference.predictor import analyse
from imip.scan.read import read_scan
from training.calibration import OperatingPoint
from training.data import medmnist
from training.data.samples import Sample
from training.data.split import Dataset
from training.evaluation.binary import Scored, evaluate
from training.recipe import ROOT, Evaluation
from training.recipes.default import DefaultRecipe

BRAIN = ROOT / "samples" / "brain-multiframe.dcm"
ARCHIVE = "pneumoniamnist.npz"
CLASSES = ("Normal", "Pneumonia")  # by their number in the archive
PUBLISHED = {  # ROC AUC and accuracy by MedMNIST v2's table, Yang et al. 2023; the number is the input's side
    "ResNet-18 (28)": (0.944, 0.854),
    "ResNet-18 (224)": (0.956, 0.864),
    "ResNet-50 (28)": (0.948, 0.854),
    "ResNet-50 (224)": (0.962, 0.884),
    "auto-sklearn": (0.942, 0.855),
    "AutoKeras": (0.947, 0.878),
    "Google AutoML Vision": (0.991, 0.946),
}
EVEN = OperatingPoint(threshold=0.5, uncertain_from=0.5, uncertain_to=0.5)  # as MedMNIST counts accuracy


class ChestPneumonia(DefaultRecipe):
    """The recipe of the shipped network."""

    divided_by = "its makers"

    def samples(self, data: Path) -> tuple[list[Sample], int]:
        """Read PneumoniaMNIST, from its archive or the folder that it lies in, or else films in labelled folders."""
        archive = data / ARCHIVE if data.is_dir() else data
        return (medmnist.read(archive, CLASSES), 0) if archive.exists() else super().samples(data)

    def divide(self, samples: Sequence[Sample]) -> Dataset:
        """Divide the archive as published. Raises KeyError if a film is not of it."""
        return medmnist.official_split(samples)

    def figures(self, evaluation: Evaluation, *, films: Path | None) -> dict[str, Any]:
        figures = super().figures(evaluation, films=films)
        figures["out_of_distribution"]["frames of one template brain"] = round(flagged_brains(evaluation.module), 4)
        return figures

    def tables(self, evaluation: Evaluation) -> dict[str, Any]:
        tables = {"published": published(evaluation)}
        if medmnist.is_of_archive(evaluation.samples[0]):
            tables["near_duplicates"] = near_duplicates(evaluation.samples[0].path.parents[1])
        return tables


def flagged_brains(module: AnalysisModule) -> float:
    """Return the share of the sample template brain's frames that get the out-of-distribution warning."""
    data = BRAIN.read_bytes()
    frames = range(read_scan(data).frames)
    analyses = [analyse(data, module, frame=frame, any_modality=True) for frame in frames]
    return float(np.mean([OUT_OF_DISTRIBUTION in analysis.prediction.warnings for analysis in analyses]))


def published(evaluation: Evaluation) -> dict[str, Any]:
    """Return MedMNIST's figures and this model's, as a table of the card."""
    assert isinstance(evaluation.scored, Scored)
    metrics = evaluation.report.metrics
    even = evaluate(evaluation.scored, EVEN).metrics["accuracy"]
    area = metrics["roc_auc"].as_dict()
    return {
        "title": "Beside the published figures for the same test films; in brackets the side of the input in pixels:",
        "columns": ["Model", "ROC AUC", "Accuracy"],
        "rows": [
            ["this model, label by its threshold", area, metrics["accuracy"].as_dict()],
            ["this model, label at probability 0.5", area, even.as_dict()],
            *([f"{name}, MedMNIST v2", *figures] for name, figures in PUBLISHED.items()),
        ],
    }


def near_duplicates(archive: Path) -> dict[str, Any]:
    """Return how much the archive's parts share, as a table of the card."""
    counts = medmnist.near_duplicates(medmnist.read(archive, CLASSES))
    return {
        "title": f"Near-duplicates in the archive, pairs of films that correlate at {medmnist.NEAR_DUPLICATE:g} or "
        "more; copies of another part's films are left out of training:",
        "columns": ["Parts", "Pairs", "Of them exact copies"],
        "rows": [[f"{one} and {other}", *pair] for (one, other), pair in counts.items()],
    }
