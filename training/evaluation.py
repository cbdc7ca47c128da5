"""How good a frozen model is on scans it has never seen, and how sure we can be of that.

Its own room because it only judges: probabilities and labels in, a report out; no model, no file, nothing fitted.

Scans of one group (near-duplicates, slices of one patient) say almost the same thing twice, so intervals come from a
bootstrap that draws whole groups (Field & Welsh, Bootstrapping clustered data, J. R. Statist. Soc. B, 2007).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from training.calibration import OperatingPoint

LEVEL = 0.95  # of every interval
BINS = 10  # equal widths of P(Tumor), for calibration
AT_ONCE = 100  # resamples computed together, which bounds the memory on large data sets
NO_SPREAD = 1e-12  # resamples closer than this are all the same

Weights = NDArray[np.float64]  # (resamples, n): how often each scan was drawn
Statistic = Callable[[Weights], NDArray[np.float64]]  # to (resamples,); nan where it is not defined


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model said and what is true, one row a scan. A class is all tumors or none.

    Raises ValueError if it is empty, rows are missing, a probability is not within 0..1 or a class is mixed.
    """

    probability: NDArray[np.float64]  # (n,) calibrated probability of Tumor, 0..1
    is_tumor: NDArray[np.bool_]  # (n,)
    class_name: NDArray[np.str_]  # (n,) glioma | meningioma | pituitary | tumor | notumor
    group: NDArray[np.int64]  # (n,) near-duplicate group

    def __post_init__(self) -> None:
        columns = self.probability, self.is_tumor, self.class_name, self.group
        if len({column.shape for column in columns}) != 1 or self.probability.ndim != 1 or not self.probability.size:
            raise ValueError("scored scans need four columns of one length, at least 1")
        if not ((self.probability >= 0) & (self.probability <= 1)).all():
            raise ValueError("a probability is not within 0..1")
        if set(self.class_name[self.is_tumor]) & set(self.class_name[~self.is_tumor]):
            raise ValueError("a class holds both tumors and scans without")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value with its 95% interval; the interval is nan where the scans cannot tell (a single group)."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | None]:
        return {name: None if np.isnan(number) else round(number, 4) for name, number in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counted decisions at the threshold, the uncertain ones included; a positive is a tumor."""

    tp: int
    fp: int
    tn: int
    fn: int


@dataclass(frozen=True, slots=True)
class ClassReport:
    """One class: how many scans and groups, and the share decided rightly."""

    n: int
    groups: int
    measure: str  # "sensitivity" of a tumor class, "specificity" of notumor
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Report:
    """The judgement. `metrics` holds what these scans could tell; with one class alone, no ROC AUC for example."""

    n: int
    groups: int
    point: OperatingPoint
    confusion: Confusion
    metrics: dict[str, Estimate]
    per_class: dict[str, ClassReport]

    def as_dict(self) -> dict[str, object]:
        """Return plain numbers for YAML, rounded to 4 decimals; an unknown end of an interval is None."""
        return {
            "n": self.n,
            "groups": self.groups,
            **asdict(self.point),
            "confusion": asdict(self.confusion),
            "metrics": {name: estimate.as_dict() for name, estimate in self.metrics.items()},
            "per_class": {
                name: {"n": one.n, "groups": one.groups, one.measure: one.estimate.as_dict()}
                for name, one in self.per_class.items()
            },
        }


def evaluate(scored: Scored, point: OperatingPoint, *, resamples: int = 1000, seed: int = 0) -> Report:
    """Judge scored scans at a frozen operating point, each measure with its 95% interval over groups.

    A resample that lacks what a measure needs (a class, say) is skipped for that measure.
    """
    found = point.finds(scored.probability)
    tn, fp, fn, tp = np.bincount(2 * scored.is_tumor + found, minlength=4).tolist()
    measure = np.where(scored.is_tumor, "sensitivity", "specificity")
    members = {name: scored.class_name == name for name in sorted(set(scored.class_name.tolist()))}
    right_in_class = {name: _Proportion(found == scored.is_tumor, its) for name, its in members.items()}
    by_class = _estimates(right_in_class, scored, resamples, seed)
    return Report(
        n=scored.probability.size,
        groups=np.unique(scored.group).size,
        point=point,
        confusion=Confusion(tp, fp, tn, fn),
        metrics=_estimates(_metrics(scored, point), scored, resamples, seed),
        per_class={
            name: ClassReport(
                np.count_nonzero(its), np.unique(scored.group[its]).size, str(measure[its][0]), by_class[name]
            )
            for name, its in members.items()
        },
    )


def _metrics(scored: Scored, point: OperatingPoint) -> dict[str, Statistic]:
    """Name every metric, the headline first."""
    tumor, found = scored.is_tumor, point.finds(scored.probability)
    uncertain = point.is_uncertain(scored.probability)
    anyone = np.ones_like(tumor)
    squared = np.square(scored.probability - tumor)
    return {
        "false_negative_rate": _Proportion(~found, tumor),
        "sensitivity": _Proportion(found, tumor),
        "specificity": _Proportion(~found, ~tumor),
        "false_positive_rate": _Proportion(found, ~tumor),
        "accuracy": _Proportion(found == tumor, anyone),
        "roc_auc": lambda weights: _roc_auc(scored, weights),
        "brier": lambda weights: weights @ squared / weights.sum(axis=1),
        "expected_calibration_error": lambda weights: _calibration_error(scored, weights),
        "uncertain_share": _Proportion(uncertain, anyone),
        "confident_accuracy": _Proportion(found == tumor, ~uncertain),
    }


@dataclass(frozen=True, slots=True)
class _Proportion:
    """The share of hits among some of the scans; both (n,)."""

    hits: NDArray[np.bool_]
    among: NDArray[np.bool_]

    def __call__(self, weights: Weights) -> NDArray[np.float64]:
        return _ratio(weights @ (self.hits & self.among), weights @ self.among)


def _roc_auc(scored: Scored, weights: Weights) -> NDArray[np.float64]:
    """Weigh the pairs of a tumor and a scan without where the tumor scores higher; ties count half."""
    order = np.argsort(scored.probability)
    starts = np.unique(scored.probability[order], return_index=True)[1]
    tumors = np.add.reduceat(weights[:, order] * scored.is_tumor[order], starts, axis=1)
    others = np.add.reduceat(weights[:, order] * ~scored.is_tumor[order], starts, axis=1)
    below = np.cumsum(others, axis=1) - others / 2
    return _ratio((tumors * below).sum(axis=1), tumors.sum(axis=1) * others.sum(axis=1))


def _calibration_error(scored: Scored, weights: Weights) -> NDArray[np.float64]:
    """Average over bins, weighted by scans, how far the mean P(Tumor) is from the share of tumors.

    Sources: Naeini et al., AAAI 2015; Guo et al., ICML 2017. Small bins inflate it, and more so in resamples:
    read its interval as an upper bound rather than as centred on the value.
    """
    in_bin = calibration_bin(scored.probability)[:, None] == np.arange(BINS)
    gap = weights @ ((scored.probability - scored.is_tumor)[:, None] * in_bin)
    return np.asarray(np.abs(gap).sum(axis=1) / weights.sum(axis=1))


def calibration_bin(probability: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin of each probability, 0..BINS - 1; a probability on an edge belongs to the upper bin."""
    return np.digitize(probability, np.linspace(0, 1, BINS + 1)[1:-1])


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def _estimates(statistics: Mapping[str, Statistic], scored: Scored, resamples: int, seed: int) -> dict[str, Estimate]:
    """Estimate every statistic that these scans define."""
    values = {name: statistic(np.ones((1, scored.group.size))).item() for name, statistic in statistics.items()}
    drawn: dict[str, list[NDArray[np.float64]]] = {name: [] for name in statistics if not np.isnan(values[name])}
    for weights in _draws(scored.group, resamples, seed):
        for name, so_far in drawn.items():
            so_far.append(statistics[name](weights))
    return {name: _estimate(statistics[name], values[name], rows, scored.group) for name, rows in drawn.items()}


def _draws(group: NDArray[np.int64], resamples: int, seed: int) -> Iterator[Weights]:
    """Yield (up to AT_ONCE, n) weights: as many groups as there are, drawn with replacement, all their scans along."""
    names, member = np.unique(group, return_inverse=True)
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, AT_ONCE):
        size = min(AT_ONCE, resamples - start)
        yield rng.multinomial(names.size, np.full(names.size, 1 / names.size), size)[:, member].astype(np.float64)


def _estimate(
    statistic: Statistic, value: float, drawn: list[NDArray[np.float64]], group: NDArray[np.int64]
) -> Estimate:
    tail = (1 - LEVEL) / 2
    if isinstance(statistic, _Proportion) and value in (0.0, 1.0):
        # All or none: resamples never differ, yet a few flawless groups prove little. Exact (Clopper & Pearson 1934)
        # with groups as trials instead; Hanley & Lippman-Hand, If nothing goes wrong, is everything all right?, 1983.
        surely = tail ** (1 / np.unique(group[statistic.among]).size)
        return Estimate(value, surely, 1.0) if value == 1.0 else Estimate(value, 0.0, 1 - surely)
    every = np.concatenate([[np.nan], *drawn])
    if np.isnan(every).all() or np.nanmax(every) - np.nanmin(every) < NO_SPREAD:
        return Estimate(value, np.nan, np.nan)
    return Estimate(value, float(np.nanquantile(every, tail)), float(np.nanquantile(every, 1 - tail)))


def table(report: Report) -> str:
    """Return the report as Markdown, the false negative rate first."""
    confusion, point = report.confusion, report.point
    band = f"uncertain from {point.uncertain_from:.4g} to {point.uncertain_to:.4g}"
    rows = [_row(name.replace("_", " "), estimate) for name, estimate in report.metrics.items()]
    for name, one in report.per_class.items():
        rows.append(_row(f"{one.measure}, {name} (n = {one.n}, {one.groups} groups)", one.estimate))
    return f"""\
{report.n} scans in {report.groups} groups; threshold {point.threshold:.4g}, {band}. Research only.

| Measure | Value | 95% interval |
|---|---:|---:|
{"".join(rows)}
| | Called tumor | Called no tumor |
|---|---:|---:|
| Tumor | {confusion.tp} | {confusion.fn} |
| No tumor | {confusion.fp} | {confusion.tn} |
"""


def _row(name: str, estimate: Estimate) -> str:
    interval = "unknown" if np.isnan(estimate.low) else f"{estimate.low:.4f} to {estimate.high:.4f}"
    return f"| {name} | {estimate.value:.4f} | {interval} |\n"
