"""Queries of the prediction log. Each reads an index and is bounded, so none grows with the log."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Engine, RowMapping, Select, func, select, tuple_

from monitoring.tables import predictions

CHUNK = 1_000  # rows read at once where all are wanted

Position = tuple[datetime, int]  # of a prediction in the log: its time and its number

LISTED = tuple(column for column in predictions.c if column.name != "embedding")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which predictions are asked for; None means all."""

    module: str | None = None
    label: str | None = None
    since: datetime | None = None  # inclusive
    until: datetime | None = None  # exclusive


def recent(engine: Engine, wanted: Filter, limit: int, before: Position | None = None) -> list[RowMapping]:
    """Return the newest predictions, without their embeddings, that stand before a position in the log."""
    return _read(engine, _select(LISTED, wanted, before=before, descending=True).limit(limit))


def oldest_first(engine: Engine, wanted: Filter, embeddings: bool = False) -> Iterator[RowMapping]:
    """Yield all predictions asked for, in the order of the log, a chunk of rows in memory at a time."""
    columns = tuple(predictions.c) if embeddings else LISTED
    chunk = _read(engine, _select(columns, wanted).limit(CHUNK))
    while chunk:
        yield from chunk
        last = chunk[-1]["at"], chunk[-1]["id"]
        chunk = _read(engine, _select(columns, wanted, after=last).limit(CHUNK))


def newest(engine: Engine, module: str, version: str, rows: int, wanted: Filter = Filter()) -> list[RowMapping]:
    """Return the predictions of one model version among the newest `rows` of its module, oldest first."""
    c = predictions.c
    last = _select(tuple(c), replace(wanted, module=module), descending=True).limit(rows).subquery()
    return _read(engine, select(last).where(last.c.version == version).order_by(last.c.at, last.c.id))


def newest_confidences(engine: Engine, module: str, labels: Collection[str], most: int) -> list[float]:
    """Return the confidence of each of a module's newest predictions that it is right: 0 of an abstention."""
    c = predictions.c
    query = _select((c.label, c.confidence), Filter(module), descending=True).limit(most)
    with engine.execution_options(reading=True).connect() as connection:
        return [confidence if label in labels else 0.0 for label, confidence in connection.execute(query)]


def newer(engine: Engine, module: str, than: Position | None, most: int) -> int:
    """Return how many predictions of a module stand after a position, counting no further than `most`."""
    found = _select((predictions.c.id,), Filter(module), after=than).limit(most).subquery()
    with engine.execution_options(reading=True).connect() as connection:
        return int(connection.execute(select(func.count()).select_from(found)).scalar_one())


def extent(engine: Engine) -> tuple[int, datetime | None]:
    """Return how many predictions the log holds, by their numbers, and when the oldest was made; None of none."""
    c = predictions.c
    ends = (func.min(c.id), func.max(c.id), func.min(c.at))  # one by one: SQLite finds only a single end by index
    query = select(*(select(end).scalar_subquery() for end in ends))
    with engine.execution_options(reading=True).connect() as connection:
        first, last, oldest = connection.execute(query).one()
    return (0 if first is None else int(last - first + 1)), oldest


def _select(
    columns: Sequence[Column[Any]],
    wanted: Filter,
    after: Position | None = None,
    before: Position | None = None,
    descending: bool = False,
) -> Select[Any]:
    """Select predictions in the order of the log, between positions.

    The first filter is a part of the positions: by equality, PostgreSQL takes the index by time alone and passes over
    all that was logged since a module fell silent, 117 ms instead of 4 for a page of a log of 200,000 rows.
    """
    c = predictions.c
    named = ((c.label, wanted.label), (c.module, wanted.module))
    filters = [(column, value) for column, value in named if value is not None]
    order = [*(column for column, _ in filters[:1]), c.at, c.id]
    shared = [value for _, value in filters[:1]]
    start = max((place for place in (after, _first_at(wanted.since)) if place), default=None)
    end = min((place for place in (before, _first_at(wanted.until)) if place), default=None)
    conditions: list[ColumnElement[bool]] = [
        column.between(value, value)  # by equality SQLite takes its index, and sorts
        for column, value in filters[1:]
    ]
    if start or shared:
        conditions.append(tuple_(*order) > (*shared, *start) if start else order[0] >= shared[0])
    if end or shared:
        conditions.append(tuple_(*order) < (*shared, *end) if end else order[0] <= shared[0])
    return select(*columns).where(*conditions).order_by(*(column.desc() for column in order) if descending else order)


def _first_at(moment: datetime | None) -> Position | None:
    """Return the position before all predictions of a moment and after all earlier ones; numbers begin with 1."""
    return None if moment is None else (moment, 0)


def _read(engine: Engine, query: Select[Any]) -> list[RowMapping]:
    with engine.execution_options(reading=True).connect() as connection:
        return list(connection.execute(query).mappings().all())
