"""How `brain-anomaly` is made and evaluated: an autoencoder of slices without a tumor, and a score from its errors."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from imip.inference.artifact import read_card
from imip.inference.head import crop_to_head
from imip.inference.module import AnalysisModule
from imip.inference.predictor import Analysis
from imip.modules.brain_anomaly import MEASURES
from training.calibration import OperatingPoint, fit_platt
from training.data.brain import NO_TUMOR
from training.data.samples import Sample
from training.data.split import Dataset
from training.evaluation.bootstrap import Proportion, estimates
from training.evaluation.measures import roc_auc
from training.evaluation.report import count
from training.export.artifact import Trained, write_artifact
from training.export.litert import served_probabilities
from training.loop import FitOptions, fit
from training.networks import autoencoder
from training.networks.weights import read_weights, round_and_write_weights
from training.recipe import Evaluation
from training.recipes.brain_anomaly import plots, score
from training.recipes.brain_anomaly.batches import NoisyBatches, standardised
from training.recipes.brain_anomaly.painted import evaluate_painted
from training.recipes.brain_mri import BrainMri, head_inputs, is_tumor

FIT = FitOptions("mse", epochs=40, peak_rate=2e-3, metrics=())
NORMALS_BELOW = 0.95  # share of held-out normal slices below the threshold
TUMORS_ABOVE = 0.90  # share of tumors above the lower end of the borderline band
EVEN = 0.5  # P(Anomaly) beyond which nothing is called normal
PARITY_SCANS = 100
ALL = "all tumors"
MISSED = "false_negative_rate"  # of what was answered: borderline is no miss
EDGE = 1e-4  # of a threshold from 0 and 1, whose score is not finite


class BrainAnomaly(BrainMri):
    """The recipe of the shipped autoencoder."""

    healthy = "Normal"

    def label(self, class_name: str) -> str:
        return "Normal" if class_name == NO_TUMOR else "Anomaly"

    @property
    def curves(self) -> Path:
        """The file of the losses of the shipped run, by epoch."""
        return self.weights.with_name(f"{self.module.name}-epochs.csv")

    def train(self, dataset: Dataset, run: Path, epochs: int | None) -> Path:
        """Train on slices without a tumor; each group of near-duplicates counts as one slice of a known patient."""
        normals, validation = _normals(dataset.part("train")), _normals(dataset.part("validation"))
        weights = evenly(normals, dataset.groups(normals))
        batches = NoisyBatches([sample.pixels for sample in normals], weights, FIT.batch_size, FIT.seed)
        held_out = standardised([crop_to_head(sample.pixels, autoencoder.SIDE).pixels for sample in validation])
        keras.utils.set_random_seed(FIT.seed)
        network = fit(autoencoder.build(), batches, (held_out, held_out), run, FIT.at_most(epochs))
        return round_and_write_weights(network, run)

    def export(self, weights: Path, dataset: Dataset, out: Path) -> str:
        network = autoencoder.build()
        read_weights(network, weights)
        normals, validation = _normals(dataset.part("train")), dataset.part("validation")
        normality = score.learn(
            network, head_inputs(normals, autoencoder.SIDE), evenly(normals, dataset.groups(normals))
        )
        inputs, tumor = head_inputs(validation, autoencoder.SIDE), is_tumor(validation)
        platt = fit_platt(score.scores(network, normality, inputs), tumor)
        graph = score.to_litert(network, normality, platt)
        slices = inputs[..., 0].astype(np.uint8)
        thresholds = choose_thresholds(served_probabilities(graph, slices)[:, 0], tumor)
        checked = slices[:: max(1, len(slices) // PARITY_SCANS)]
        agreement = score.prove(network, normality, platt, graph, checked)
        trained = Trained(graph, platt.described(), thresholds)
        write_artifact(self.module, self.about, trained, validation, dataset.groups(validation), out)
        return agreement

    def evaluate_analyses(
        self,
        module: AnalysisModule,
        samples: Sequence[Sample],
        analyses: Sequence[Analysis],
        groups: NDArray[np.int64],
    ) -> Evaluation:
        """Count borderline answers as such; sensitivity and specificity are those of the threshold alone."""
        evaluation = super().evaluate_analyses(module, samples, analyses, groups)
        labels, answers = module.card.labels, module.card.possible_labels
        actual = np.array([self.label(sample.class_name) for sample in samples])
        answered = np.array([analysis.prediction.label for analysis in analyses])
        likelier = np.array(labels)[[int(analysis.output.probabilities.argmax()) for analysis in analyses]]
        missed = estimates({MISSED: Proportion(answered == self.healthy, actual != self.healthy)}, groups)
        counted = replace(
            evaluation.report,
            criteria={**evaluation.report.criteria, "healthy_label": self.healthy},
            metrics={**evaluation.report.metrics, **missed},
            confusion=count(actual, answered, labels, answers),
            confusion_forced=count(actual, likelier, labels, labels),
        )
        return replace(evaluation, report=counted)

    def tables(self, evaluation: Evaluation) -> dict[str, Any]:
        """Return how often each outcome is answered, how good each measure is alone, and how painted lesions score."""
        own = {"outcomes": _outcomes(evaluation), "measures": _measures(evaluation)}
        tables = {**super().tables(evaluation), **own}
        if len(_normals(evaluation.samples)):
            tables["painted"] = evaluate_painted(evaluation)
        return tables

    def draw(self, evaluation: Evaluation, folder: Path) -> None:
        """Add histograms of the measures, and of the shipped network its losses and the project's samples redrawn."""
        super().draw(evaluation, folder)
        plots.draw_histograms(evaluation, folder / "measures.png")
        if evaluation.module.card.version != read_card(self.artifact).version:
            return
        plots.draw_losses(self.curves, folder / "losses.png")
        plots.draw_samples(evaluation.module, self.weights, folder / "before_after.png")


def evenly(samples: Sequence[Sample], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return weights, (n,), with which every group of near-duplicates counts as one slice of a known patient does."""
    _, number, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    is_known = np.array([sample.origin is not None and sample.origin.patient is not None for sample in samples])
    return np.where(is_known, 1.0, 1 / sizes[number])


def choose_thresholds(anomaly: NDArray[np.float64], is_tumor: NDArray[np.bool_]) -> dict[str, float]:
    """Choose from validation scans, both (n,), where calibrated P(Anomaly) becomes which of the three outcomes.

    Anomaly lies beyond the threshold, under which NORMALS_BELOW of the normal slices lie; Normal below the
    probability that TUMORS_ABOVE of the tumors exceed, at most EVEN; what lies between is borderline. All lie within
    0 and 1, exclusive.
    """
    threshold = float(np.quantile(anomaly[~is_tumor], NORMALS_BELOW))
    normal_below = min(threshold, EVEN, float(np.quantile(anomaly[is_tumor], 1 - TUMORS_ABOVE)))
    point = OperatingPoint(threshold=threshold, uncertain_from=normal_below, uncertain_to=threshold)
    return {
        name: round(min(max(getattr(point, name), EDGE), 1 - EDGE), 4)
        for name in ("threshold", "uncertain_from", "uncertain_to")
    }


def _normals(samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample, shows in zip(samples, is_tumor(samples), strict=True) if not shows]


def _outcomes(evaluation: Evaluation) -> dict[str, Any]:
    """Return for each class how often each outcome was answered, with intervals over groups."""
    answers, names = evaluation.module.card.possible_labels, _class_names(evaluation)
    answered = np.array([analysis.prediction.label for analysis in evaluation.analyses])
    rows: list[list[Any]] = []
    for name in sorted(set(names.tolist())):
        shares = {answer: Proportion(answered == answer, names == name) for answer in answers}
        estimated = estimates(shares, evaluation.scored.group)
        rows.append([name, *(estimated[answer].as_dict() for answer in answers)])
    title = "Share of each class by outcome:"
    return {"title": title, "columns": ["Class", *answers], "rows": rows}


def _measures(evaluation: Evaluation) -> dict[str, Any]:
    """Return the ROC AUC of each measure alone, against all tumors and against each class of them."""
    names, group = _class_names(evaluation), evaluation.scored.group
    tumor = is_tumor(evaluation.samples)
    values = np.array([analysis.output.measures for analysis in evaluation.analyses], np.float64)
    columns = {text: values[:, number] for number, (_, text) in enumerate(MEASURES)} | {"both": values.mean(axis=1)}
    rows: list[list[Any]] = []
    for kind in [*sorted(set(names[tumor].tolist())), ALL]:
        among = ~tumor | (names == kind) | (kind == ALL)
        areas = [_area(column[among], tumor[among], group[among]) for column in columns.values()]
        rows.append([kind, *areas])
    title = "ROC AUC against slices without a tumor, by measure:"
    return {"title": title, "columns": ["Class", *columns], "rows": rows}


def _class_names(evaluation: Evaluation) -> NDArray[np.str_]:
    return np.array([sample.class_name for sample in evaluation.samples])


def _area(
    score: NDArray[np.float64], is_positive: NDArray[np.bool_], group: NDArray[np.int64]
) -> dict[str, float | None] | None:
    found = estimates({"area": lambda weights: roc_auc(score, is_positive, weights)}, group)
    return found["area"].as_dict() if found else None
