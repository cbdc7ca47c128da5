"""How good a model with two labels is on scans it has never seen, from its probabilities: false negatives first."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from training.calibration import OperatingPoint
from training.evaluation.bootstrap import Proportion, Statistic, estimates
from training.evaluation.measures import average, calibration_error, roc_auc
from training.evaluation.report import ClassReport, Report, count


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model said and what is true, one row a scan. All scans of a class are positive, or none is.

    Raises ValueError if it is empty, rows are missing, a probability is not within 0..1 or a class is mixed.
    """

    labels: tuple[str, str]  # the positive one first
    probability: NDArray[np.float64]  # (n,) calibrated probability of the positive label, 0..1
    is_positive: NDArray[np.bool_]  # (n,)
    class_name: NDArray[np.str_]  # (n,) what the data set calls it; may be finer than the labels
    group: NDArray[np.int64]  # (n,) near-duplicate group

    def __post_init__(self) -> None:
        columns = self.probability, self.is_positive, self.class_name, self.group
        if len({column.shape for column in columns}) != 1 or self.probability.ndim != 1 or not self.probability.size:
            raise ValueError("scored scans need four columns of one length, at least 1")
        if not ((self.probability >= 0) & (self.probability <= 1)).all():
            raise ValueError("a probability is not within 0..1")
        if set(self.class_name[self.is_positive]) & set(self.class_name[~self.is_positive]):
            raise ValueError("a class holds both positive and negative scans")


def evaluate(scored: Scored, point: OperatingPoint, *, resamples: int = 1000, seed: int = 0) -> Report:
    """Evaluate scored scans at a given operating point, each measure with its 95% interval over groups.

    A class is reported by its sensitivity if it is positive, by its specificity if not. The confusion counts every
    decision at the threshold, the uncertain ones included.
    """
    found = point.finds(scored.probability)
    measure = np.where(scored.is_positive, "sensitivity", "specificity")
    members = {name: scored.class_name == name for name in sorted(set(scored.class_name.tolist()))}
    right_in_class = {name: Proportion(found == scored.is_positive, its) for name, its in members.items()}
    by_class = estimates(right_in_class, scored.group, resamples=resamples, seed=seed)
    actual, answered = (np.where(positive, *scored.labels) for positive in (scored.is_positive, found))
    return Report(
        n=scored.probability.size,
        groups=np.unique(scored.group).size,
        criteria=asdict(point),
        metrics=estimates(_statistics(scored, point), scored.group, resamples=resamples, seed=seed),
        per_class={
            name: ClassReport(
                np.count_nonzero(its), np.unique(scored.group[its]).size, {str(measure[its][0]): by_class[name]}
            )
            for name, its in members.items()
        },
        confusion=count(actual, answered, scored.labels, scored.labels),
    )


def _statistics(scored: Scored, point: OperatingPoint) -> dict[str, Statistic]:
    """Name every measure, the headline first."""
    positive, found = scored.is_positive, point.finds(scored.probability)
    uncertain = point.is_uncertain(scored.probability)
    anyone = np.ones_like(positive)
    squared = np.square(scored.probability - positive)
    return {
        "false_negative_rate": Proportion(~found, positive),
        "sensitivity": Proportion(found, positive),
        "specificity": Proportion(~found, ~positive),
        "false_positive_rate": Proportion(found, ~positive),
        "accuracy": Proportion(found == positive, anyone),
        "roc_auc": lambda weights: roc_auc(scored.probability, positive, weights),
        "brier": lambda weights: average(squared, weights),
        "expected_calibration_error": lambda weights: calibration_error(scored.probability, positive, weights),
        "uncertain_share": Proportion(uncertain, anyone),
        "confident_accuracy": Proportion(found == positive, ~uncertain),
    }
