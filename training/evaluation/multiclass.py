"""How good a model with k labels is on scans it has never seen, with or without an abstention.

As a module may abstain, its answers and its most probable labels are evaluated separately: accuracy, balanced accuracy,
F1, ROC AUC and calibration are of the most probable label, so that they compare with models that always answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.bootstrap import Proportion, Statistic, Weights, estimates, ratio
from training.evaluation.measures import average, calibration_error, roc_auc
from training.evaluation.report import ClassReport, Report, count

SUM_TOLERANCE = 1e-3  # of probabilities that a float32 graph answered


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model said and what is true, one row a scan.

    Raises ValueError if it is empty, rows are missing, a row of probabilities is none, a true label is not among the
    labels, two names other than the labels are answered, or an abstention is not uncertain.
    """

    labels: tuple[str, ...]  # (k,)
    probabilities: NDArray[np.float64]  # (n, k) calibrated, 0..1, each row sums to 1
    answered: NDArray[np.str_]  # (n,) a label, or the one name of the abstention
    actual: NDArray[np.str_]  # (n,) a label
    group: NDArray[np.int64]  # (n,) near-duplicate group
    uncertain: NDArray[np.bool_]  # (n,)

    def __post_init__(self) -> None:
        n = self.actual.size
        columns = self.answered, self.actual, self.group, self.uncertain
        if not n or {column.shape for column in columns} != {(n,)} or self.probabilities.shape != (n, len(self.labels)):
            raise ValueError("scored scans need (n, k) probabilities and four columns of one length, at least 1")
        sums = self.probabilities.sum(axis=1)
        if not ((self.probabilities >= 0).all() and (np.abs(sums - 1) <= SUM_TOLERANCE).all()):
            raise ValueError("a row of probabilities is not within 0..1 or does not sum to 1")
        if unknown := set(self.actual.tolist()) - set(self.labels):
            raise ValueError(f"true labels {sorted(unknown)} are not among {list(self.labels)}")
        if len(self.abstentions) > 1:
            raise ValueError(f"answers other than the labels must be one abstention, are {list(self.abstentions)}")
        if not self.uncertain[~np.isin(self.answered, self.labels)].all():
            raise ValueError("an abstention is not marked uncertain")

    @property
    def abstentions(self) -> tuple[str, ...]:
        """The name of the abstention, if it occurs."""
        return tuple(sorted(set(self.answered.tolist()) - set(self.labels)))

    @property
    def most_probable(self) -> NDArray[np.str_]:
        """The label each scan gets if the module must answer, (n,); of equals the first."""
        return np.asarray(np.array(self.labels)[self.probabilities.argmax(axis=1)])


def evaluate(scored: Scored, *, healthy: str | None = None, resamples: int = 1000, seed: int = 0) -> Report:
    """Evaluate scored scans, each measure with its 95% interval over groups.

    With `healthy`, the label of the scans that show nothing, the report opens with the false negative rate: the share
    of the other scans that were answered healthy. Averages run over the classes that the scans hold, each with the
    same weight; ROC AUC is one class against the rest. The Brier score is the sum over labels of squared errors, 0..2
    (Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review, 1950).

    Raises ValueError if `healthy` is not a label.
    """
    if healthy is not None and healthy not in scored.labels:
        raise ValueError(f"{healthy!r} is not among the labels {list(scored.labels)}")
    present = [name for name in scored.labels if (scored.actual == name).any()]
    by_class = {name: _of_class(scored, name) for name in present}
    forced = scored.most_probable
    return Report(
        n=scored.actual.size,
        groups=np.unique(scored.group).size,
        criteria={} if healthy is None else {"healthy_label": healthy},
        metrics=estimates(_statistics(scored, by_class, healthy), scored.group, resamples=resamples, seed=seed),
        per_class={
            name: ClassReport(
                np.count_nonzero(scored.actual == name),
                np.unique(scored.group[scored.actual == name]).size,
                estimates(statistics, scored.group, resamples=resamples, seed=seed),
            )
            for name, statistics in by_class.items()
        },
        confusion=count(scored.actual, scored.answered, scored.labels, (*scored.labels, *scored.abstentions)),
        confusion_forced=(
            None if (forced == scored.answered).all() else count(scored.actual, forced, scored.labels, scored.labels)
        ),
    )


def _of_class(scored: Scored, name: str) -> dict[str, Statistic]:
    """Name every measure of one class, all of the most probable label."""
    its, called = scored.actual == name, scored.most_probable == name
    probability = scored.probabilities[:, scored.labels.index(name)]
    return {
        "precision": Proportion(its, called),
        "sensitivity": Proportion(called, its),
        "f1": lambda weights: ratio(2 * (weights @ (its & called)), weights @ its + weights @ called),
        "roc_auc": lambda weights: roc_auc(probability, its, weights),
    }


def _statistics(scored: Scored, by_class: dict[str, dict[str, Statistic]], healthy: str | None) -> dict[str, Statistic]:
    """Name every measure of all classes together, the false negative rate first."""
    anyone = np.ones_like(scored.uncertain)
    right = scored.most_probable == scored.actual
    confidence = scored.probabilities.max(axis=1)
    truth = scored.actual[:, None] == np.array(scored.labels)
    squared = np.square(scored.probabilities - truth).sum(axis=1)
    answered, rightly = np.isin(scored.answered, scored.labels), scored.answered == scored.actual
    missed = {} if healthy is None else _false_negatives(scored, healthy)
    return {
        **missed,
        "accuracy": Proportion(right, anyone),
        "balanced_accuracy": _mean([one["sensitivity"] for one in by_class.values()]),
        "macro_f1": _mean([one["f1"] for one in by_class.values()]),
        "macro_roc_auc": _mean([one["roc_auc"] for one in by_class.values()]),
        "brier": lambda weights: average(squared, weights),
        "expected_calibration_error": lambda weights: calibration_error(confidence, right, weights),
        "answered_share": Proportion(answered, anyone),
        "answered_accuracy": Proportion(rightly, answered),
        "uncertain_share": Proportion(scored.uncertain, anyone),
        "confident_accuracy": Proportion(rightly, ~scored.uncertain),
    }


def _false_negatives(scored: Scored, healthy: str) -> dict[str, Statistic]:
    return {"false_negative_rate": Proportion(scored.answered == healthy, scored.actual != healthy)}


def _mean(statistics: Sequence[Statistic]) -> Statistic:
    """Average statistics; a resample in which one is undefined leaves the average undefined."""

    def mean(weights: Weights) -> NDArray[np.float64]:
        return np.asarray(np.mean([statistic(weights) for statistic in statistics], axis=0))

    return mean
