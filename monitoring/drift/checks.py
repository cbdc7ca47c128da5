"""Drift checks: what each detector says of a window, and the checks as rows of the log."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field
from sqlalchemy import Engine, insert, select

from monitoring.drift.arrays import PredictionArrays
from monitoring.log.queries import Position
from monitoring.tables import drift_checks

Trigger = Literal["monitor", "manual"]


@dataclass(frozen=True, slots=True)
class FeatureShift:
    """How far one feature's distribution in the window is from that in the reference."""

    name: str
    statistic: Annotated[float, Field(description="Kolmogorov-Smirnov distance from the reference, 0..1")]
    p_value: float
    drifted: Annotated[bool, Field(description="with the false discovery rate over all features controlled")]


@dataclass(frozen=True, slots=True)
class Result:
    """What one detector says of the window."""

    detector: str
    statistic: float
    threshold: Annotated[float, Field(description="of the statistic")]
    p_value: float
    drifted: bool
    features: Annotated[tuple[FeatureShift, ...], Field(exclude=True)] = ()  # by their shift, largest first


class Detector(Protocol):
    """Compares windows with the one reference it was made for."""

    name: str

    def __call__(self, window: PredictionArrays) -> Result: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One comparison of a module's newest predictions with its reference."""

    at: datetime
    drifted: Annotated[bool, Field(description="whether any detector says so")]
    module: Annotated[str, Field(exclude=True)]
    version: Annotated[str, Field(description="of the model")]
    reference: Annotated[str, Field(description="version of the reference")]
    reference_size: int
    window_size: Annotated[int, Field(description="independent predictions compared")]
    window_rows: Annotated[int, Field(description="predictions they were chosen from")]
    since: Annotated[datetime, Field(description="of the window's first prediction")]
    until: Annotated[datetime, Field(description="of its last")]
    last_prediction: Annotated[int, Field(exclude=True)]  # number of its last
    trigger: Annotated[Trigger, Field(exclude=True)]
    seconds: Annotated[float, Field(description="the check took")]
    detectors: tuple[Result, ...]
    features: Annotated[tuple[FeatureShift, ...], Field(description="by their shift, largest first")]

    @classmethod
    def of(cls, results: tuple[Result, ...], **facts: Any) -> "Check":
        """Return the check that these results make; `facts` are its other fields."""
        shifts = tuple(shift for result in results for shift in result.features)
        drifted = any(result.drifted for result in results)
        return cls(**facts, drifted=drifted, detectors=results, features=shifts)

    @property
    def position(self) -> Position:
        return self.until, self.last_prediction


FACTS = tuple(each.name for each in fields(Check) if each.name not in ("drifted", "detectors", "features"))


def keep(engine: Engine, check: Check) -> None:
    """Write a check to the log."""
    row = {name: getattr(check, name) for name in (*FACTS, "drifted")}
    with engine.begin() as connection:
        connection.execute(insert(drift_checks), row | {"results": [asdict(result) for result in check.detectors]})


def latest(engine: Engine, module: str, version: str, trigger: Trigger = "monitor") -> Check | None:
    """Return the newest check of a version of a module, if there is one."""
    columns = drift_checks.c
    query = select(drift_checks).where(columns.module == module, columns.trigger == trigger)
    query = query.where(columns.version == version).order_by(columns.at.desc()).limit(1)
    with engine.execution_options(reading=True).connect() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Check.of(tuple(map(_result, row["results"])), **{name: row[name] for name in FACTS})


def first_at(engine: Engine, module: str, version: str) -> datetime | None:
    """Return when the monitor first checked a version of a module, as far as the log goes back."""
    columns = drift_checks.c
    query = select(columns.at).where(columns.module == module, columns.trigger == "monitor")
    query = query.where(columns.version == version).order_by(columns.at).limit(1)
    with engine.execution_options(reading=True).connect() as connection:
        moment: datetime | None = connection.execute(query).scalar()
    return moment


def _result(kept: Mapping[str, Any]) -> Result:
    return replace(Result(**kept), features=tuple(FeatureShift(**shift) for shift in kept["features"]))
