"""How well a module does: counted where reviewers gave labels, estimated from calibrated confidences where not.

Labelled predictions are rarely a random sample: reviewers look where they doubt. Estimates see every prediction, but
trust the model's own calibration. Neither replaces the other, so both are given. An abstention is not a right answer,
and says nothing of calibration. The database adds up, whole weeks at once; what reaches Python grows with labels and
versions, never with rows.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, select

from monitoring.performance.intervals import expected_mean, expected_share, wilson
from monitoring.performance.types import ConfidenceBin, LabelPerformance, WeekPerformance
from monitoring.tables import feedback, predictions

WEEK = timedelta(weeks=1)
BINS = 10  # of confidence, equal widths; an edge belongs to the upper bin, 1 to the last
CONFIDENCE_BINS = tuple(f"{step / BINS:.1f}-{(step + 1) / BINS:.1f}" for step in range(BINS))

Labelled = tuple[str, str, str]  # predicted label, actual label, one of CONFIDENCE_BINS


def labelled(engine: Engine, module: str, since: datetime) -> Counter[Labelled]:
    """Count the labelled predictions that were predicted at `since` (aware) or later."""
    columns = feedback.c
    key = (columns.predicted, columns.actual, _bin())
    query = select(*key, func.count()).where(columns.module == module, columns.predicted_at >= since).group_by(*key)
    with engine.execution_options(reading=True).connect() as connection:
        rows = connection.execute(query).all()
    return Counter({(predicted, actual, CONFIDENCE_BINS[step]): n for predicted, actual, step, n in rows})


def performance(engine: Engine, module: str, since: datetime, until: datetime | None = None) -> list[WeekPerformance]:
    """Measure each model version in each week, from the one that holds `since` to the one that holds `until`.

    Both are aware; without `until` the running week is the last. Weeks are whole ISO weeks in UTC; one without
    predictions or labels is left out. Oldest first, then by version.
    """
    now = datetime.now(UTC)
    end = _monday(min(until or now, now)) + WEEK
    with engine.execution_options(reading=True).connect() as connection:
        weeks = _weeks(connection, module, _monday(since), end)
        return [one for week in weeks for one in _performances(connection, module, week)]


def _monday(moment: datetime) -> datetime:
    day = moment.astimezone(UTC).date()
    return datetime.combine(day - timedelta(days=day.weekday()), time(), UTC)


def _weeks(connection: Connection, module: str, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the weeks that hold anything, so that a long span costs what is in it."""
    times = ((predictions.c.module, predictions.c.at), (feedback.c.module, feedback.c.predicted_at))
    while start < end:
        firsts = (select(func.min(at)).where(of == module, at >= start, at < end) for of, at in times)
        found = [moment for first in firsts if (moment := connection.execute(first).scalar()) is not None]
        if not found:
            return
        week = _monday(min(found))
        yield week
        start = week + WEEK


def _bin() -> ColumnElement[int]:
    """Return a labelled prediction's bin as SQL; databases differ in how they cast to integers."""
    return case(*((feedback.c.confidence >= step / BINS, step) for step in range(BINS - 1, 0, -1)), else_=0)


class _Cell(NamedTuple):
    """Labelled predictions that agree in all three of `Labelled`, and whether that is an abstention."""

    predicted: str
    actual: str
    step: int  # index in CONFIDENCE_BINS
    n: int
    confidence: float  # sum
    squared_error: float  # sum of (confidence - 1 if right else 0)^2
    abstained: bool


class _Sum(NamedTuple):
    """A sum of probabilities, and the variance of the number of hits they announce: the sum of p * (1 - p)."""

    total: float = 0.0
    variance: float = 0.0


@dataclass(frozen=True, slots=True)
class _Week:
    """One model version in one week, added up."""

    cells: list[_Cell] = field(default_factory=list)
    given: dict[str, int] = field(default_factory=dict)  # predictions by the label given
    expected: dict[tuple[str, str], _Sum] = field(default_factory=dict)  # by label given, then the possibly actual


def _performances(connection: Connection, module: str, week: datetime) -> list[WeekPerformance]:
    versions: defaultdict[str, _Week] = defaultdict(_Week)
    _add_labelled(connection, module, week, versions)
    _add_expected(connection, module, week, versions)
    return [_week_performance(week.date(), version, versions[version]) for version in sorted(versions)]


def _add_labelled(connection: Connection, module: str, week: datetime, versions: defaultdict[str, _Week]) -> None:
    columns = feedback.c
    error = columns.confidence - case((columns.predicted == columns.actual, 1.0), else_=0.0)
    key = (columns.version, columns.predicted, columns.actual, _bin())
    query = (
        select(*key, func.count(), func.sum(columns.confidence), func.sum(error * error), columns.abstained)
        .where(columns.module == module, columns.predicted_at >= week, columns.predicted_at < week + WEEK)
        .group_by(*key, columns.abstained)
    )
    for version, *cell in connection.execute(query):
        versions[version].cells.append(_Cell(*cell))


def _add_expected(connection: Connection, module: str, week: datetime, versions: defaultdict[str, _Week]) -> None:
    """Add the expected confusion matrix: each prediction counts for every label, by that label's probability."""
    columns = predictions.c
    here = and_(columns.module == module, columns.at >= week, columns.at < week + WEEK)
    samples = select(func.min(columns.id)).where(here).group_by(columns.version)  # all of a version share their labels
    known = connection.execute(select(columns.probabilities).where(columns.id.in_(samples))).scalars()
    names = sorted({name for probabilities in known for name in probabilities})
    chances = [columns.probabilities[name].as_float() for name in names]
    sums = [func.sum(part) for chance in chances for part in (chance, chance * (1 - chance))]
    query = select(columns.version, columns.label, func.count(), *sums).where(here)
    for version, given, n, *added in connection.execute(query.group_by(columns.version, columns.label)):
        versions[version].given[given] = n
        for name, total, variance in zip(names, added[::2], added[1::2], strict=True):
            if total is not None:  # else a label of another version
                versions[version].expected[given, name] = _Sum(total, variance)


def _week_performance(week: date, version: str, seen: _Week) -> WeekPerformance:
    confusion: Counter[tuple[str, str]] = Counter()  # (actual, predicted)
    for cell in seen.cells:
        confusion[cell.actual, cell.predicted] += cell.n
    n = confusion.total()
    names = sorted({name for pair in (*confusion, *seen.expected) for name in pair})
    right = [seen.expected.get((name, name), _Sum()) for name in names]
    given = sum(seen.given.values())
    chosen = [cell for cell in seen.cells if not cell.abstained]
    calibration = tuple(_calibration(chosen))
    return WeekPerformance(
        week=week,
        version=version,
        predictions=given,
        labelled=n,
        confusion={actual: {given: confusion[actual, given] for given in names} for actual in names} if n else {},
        accuracy=wilson(sum(confusion[name, name] for name in names), n),
        labels=tuple(_label_performance(name, names, confusion, seen) for name in names),
        expected_calibration_error=_calibration_error(calibration),
        brier_score=_mean([cell.squared_error for cell in chosen], sum(cell.n for cell in chosen)),
        calibration=calibration,
        estimated_accuracy=expected_mean(sum(s.total for s in right), sum(s.variance for s in right), given),
    )


def _mean(sums: list[float], n: int) -> float | None:
    return sum(sums) / n if n else None


def _label_performance(
    name: str, names: list[str], confusion: Counter[tuple[str, str]], seen: _Week
) -> LabelPerformance:
    hits = confusion[name, name]
    actual = sum(confusion[name, given] for given in names)
    predicted = sum(confusion[other, name] for other in names)
    found = seen.expected.get((name, name), _Sum())
    missed = [s for (given, possible), s in seen.expected.items() if possible == name and given != name]
    return LabelPerformance(
        label=name,
        predicted=predicted,
        actual=actual,
        sensitivity=wilson(hits, actual),
        false_negative_rate=wilson(actual - hits, actual),
        precision=wilson(hits, predicted),
        estimated_sensitivity=expected_share(*found, sum(s.total for s in missed), sum(s.variance for s in missed)),
        estimated_precision=expected_mean(*found, seen.given.get(name, 0)),
    )


def _calibration(cells: list[_Cell]) -> Iterator[ConfidenceBin]:
    for step, name in enumerate(CONFIDENCE_BINS):
        inside = [cell for cell in cells if cell.step == step]
        n = sum(cell.n for cell in inside)
        accuracy = wilson(sum(cell.n for cell in inside if cell.predicted == cell.actual), n)
        if accuracy is not None:
            confidence = sum(cell.confidence for cell in inside) / n
            yield ConfidenceBin(confidence=name, labelled=n, mean_confidence=confidence, accuracy=accuracy)


def _calibration_error(bins: tuple[ConfidenceBin, ...]) -> float | None:
    """Average over bins, weighted by predictions, how far mean confidence is from accuracy; few predictions inflate it.

    Sources: Naeini et al., AAAI 2015; Guo et al., ICML 2017.
    """
    gap = sum(one.labelled * abs(one.mean_confidence - one.accuracy.value) for one in bins)
    return gap / sum(one.labelled for one in bins) if bins else None
