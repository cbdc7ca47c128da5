"""Drift checks as rows: kept, found again, and turned into what a reader wants to know."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from sqlalchemy import Engine, insert, select

from monitoring.drift.findings import Findings
from monitoring.log.queries import Position
from monitoring.tables import drift_checks

Trigger = Literal["monitor", "manual"]


@dataclass(frozen=True, slots=True)
class FeatureShift:
    """How far one feature's distribution in the window is from that in the reference."""

    name: str
    statistic: float  # Kolmogorov-Smirnov distance, 0..1
    p_value: float
    drifted: bool  # with the false discovery rate over all features controlled


@dataclass(frozen=True, slots=True)
class Result:
    """What one detector says of a window."""

    detector: str
    statistic: float
    threshold: float  # of the statistic
    p_value: float
    drifted: bool
    features: tuple[FeatureShift, ...] = ()  # by their shift, largest first


class Detector(Protocol):
    """Compares windows with the one reference it was made for."""

    name: str

    def __call__(self, window: Findings) -> Result: ...


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison of a window with a reference."""

    at: datetime
    module: str
    version: str  # of the model
    reference: str  # version of the reference
    reference_size: int
    window_size: int  # independent findings compared
    window_rows: int  # findings they were chosen from
    since: datetime  # of the window's first finding
    until: datetime  # of its last
    last_prediction: int  # number of its last
    trigger: Trigger
    results: tuple[Result, ...]
    seconds: float  # it took

    @property
    def drifted(self) -> bool:
        return any(result.drifted for result in self.results)

    @property
    def position(self) -> Position:
        return self.until, self.last_prediction

    @property
    def features(self) -> tuple[FeatureShift, ...]:
        """The features by their shift, largest first."""
        return tuple(shift for result in self.results for shift in result.features)


def keep(engine: Engine, check: Check) -> None:
    """Write a check to the log."""
    row = {name: getattr(check, name) for name in Check.__dataclass_fields__ if name != "results"}
    row |= {"drifted": check.drifted, "results": [asdict(result) for result in check.results]}
    with engine.begin() as connection:
        connection.execute(insert(drift_checks), row)


def latest(engine: Engine, module: str, version: str, trigger: Trigger = "monitor") -> Check | None:
    """Return the newest check of a version of a module, if there is one."""
    columns = drift_checks.c
    query = select(drift_checks).where(columns.module == module, columns.trigger == trigger)
    query = query.where(columns.version == version).order_by(columns.at.desc()).limit(1)
    with engine.execution_options(reading=True).connect() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        return None
    known: dict[str, Any] = {name: row[name] for name in Check.__dataclass_fields__ if name != "results"}
    return Check(**known, results=tuple(_result(result) for result in row["results"]))


def _result(kept: dict[str, Any]) -> Result:
    shifts = tuple(FeatureShift(**shift) for shift in kept["features"])
    return Result(**{**kept, "features": shifts})
