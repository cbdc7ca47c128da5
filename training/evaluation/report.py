"""The report of an evaluation, whatever the labels: as plain numbers for the card, or as Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.bootstrap import Estimate

Confusion = dict[str, dict[str, int]]  # actual label -> answered -> number of scans


@dataclass(frozen=True, slots=True)
class ClassReport:
    """One class: how many scans and groups, and how well it was recognised."""

    n: int
    groups: int
    metrics: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation. `metrics` holds what these scans define; with one class alone, no ROC AUC for example."""

    n: int
    groups: int
    criteria: Mapping[str, float | str]  # thresholds of the answers, the label that means healthy
    metrics: dict[str, Estimate]
    per_class: dict[str, ClassReport]
    confusion: Confusion  # of what was answered, an abstention included
    confusion_forced: Confusion | None = None  # of the most probable label; None where that is what was answered

    def as_dict(self) -> dict[str, object]:
        """Return plain numbers for YAML, rounded to 4 decimals; an unknown end of an interval is None."""
        forced = {} if self.confusion_forced is None else {"confusion_forced": self.confusion_forced}
        return {
            "n": self.n,
            "groups": self.groups,
            **self.criteria,
            "confusion": self.confusion,
            **forced,
            "metrics": {name: estimate.as_dict() for name, estimate in self.metrics.items()},
            "per_class": {
                name: {
                    "n": one.n,
                    "groups": one.groups,
                    **{measure: estimate.as_dict() for measure, estimate in one.metrics.items()},
                }
                for name, one in self.per_class.items()
            },
        }


def count(
    actual: NDArray[np.str_], answered: NDArray[np.str_], labels: tuple[str, ...], answers: tuple[str, ...]
) -> Confusion:
    """Count the scans, both (n,), for each actual label and each possible answer, in the order given."""
    return {
        label: {answer: np.count_nonzero((actual == label) & (answered == answer)) for answer in answers}
        for label in labels
    }


def table(report: Report) -> str:
    """Return the report as Markdown."""
    criteria = "".join(f"; {name.replace('_', ' ')} {_shown(value)}" for name, value in report.criteria.items())
    rows = [_row(name.replace("_", " "), estimate) for name, estimate in report.metrics.items()]
    for name, one in report.per_class.items():
        for measure, estimate in one.metrics.items():
            rows.append(_row(f"{measure.replace('_', ' ')}, {name} (n = {one.n}, {one.groups} groups)", estimate))
    forced = report.confusion_forced
    return f"""\
{report.n} scans in {report.groups} groups{criteria}. Research only.

| Measure | Value | 95% interval |
|---|---:|---:|
{"".join(rows)}
{_confusion(report.confusion, "Called")}{"" if forced is None else chr(10) + _confusion(forced, "Most probable:")}"""


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _row(name: str, estimate: Estimate) -> str:
    interval = "unknown" if np.isnan(estimate.low) else f"{estimate.low:.4f} to {estimate.high:.4f}"
    return f"| {name} | {estimate.value:.4f} | {interval} |\n"


def _confusion(confusion: Confusion, called: str) -> str:
    answers = list(next(iter(confusion.values())))
    head = " | ".join(f"{called} {answer}" for answer in answers)
    rows = "".join(
        f"| {label} | {' | '.join(str(counts[answer]) for answer in answers)} |\n"
        for label, counts in confusion.items()
    )
    return f"| Actual | {head} |\n|---|{'---:|' * len(answers)}\n{rows}"
