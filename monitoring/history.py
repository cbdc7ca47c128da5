"""The prediction log's reading end. Every query walks an index and is bounded, so none grows with the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Engine, RowMapping, Select, Tuple, func, literal, select, tuple_

from monitoring.findings import Findings
from monitoring.record import read_embedding
from monitoring.tables import UtcTime, predictions

CHUNK = 1_000  # rows read at once where all are wanted

Position = tuple[datetime, int]  # of a prediction in the log: its time and its number

SHOWN = tuple(column for column in predictions.c if column.name != "embedding")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which predictions are asked for; None means all."""

    module: str | None = None
    label: str | None = None
    since: datetime | None = None  # inclusive
    until: datetime | None = None  # exclusive


def recent(engine: Engine, wanted: Filter, limit: int, before: Position | None = None) -> list[RowMapping]:
    """Return the newest predictions, without their embeddings, that stand before a position in the log."""
    query = _filtered(select(*SHOWN), wanted).order_by(predictions.c.at.desc(), predictions.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_place() < _place(before))
    return _read(engine, query)


def oldest_first(engine: Engine, wanted: Filter, embeddings: bool = False) -> Iterator[RowMapping]:
    """Yield all predictions asked for, in the order of the log, a chunk of rows in memory at a time."""
    columns = tuple(predictions.c) if embeddings else SHOWN
    query = _filtered(select(*columns), wanted).order_by(predictions.c.at, predictions.c.id).limit(CHUNK)
    chunk = _read(engine, query)
    while chunk:
        yield from chunk
        chunk = _read(engine, query.where(_place() > _place((chunk[-1]["at"], chunk[-1]["id"]))))


def newest(engine: Engine, module: str, version: str, rows: int, wanted: Filter = Filter()) -> list[RowMapping]:
    """Return the predictions of one model version among the newest `rows` of its module, oldest first."""
    columns = predictions.c
    last = (
        _filtered(select(columns.at, columns.id, columns.version, columns.label, columns.confidence), wanted)
        .add_columns(columns.features, columns.embedding)
        .where(columns.module == module)
        .order_by(columns.at.desc(), columns.id.desc())
        .limit(rows)
        .subquery()
    )
    return _read(engine, select(last).where(last.c.version == version).order_by(last.c.at, last.c.id))


def last_confidences(engine: Engine, module: str, most: int) -> list[float]:
    """Return the confidences of a module's newest predictions."""
    columns = predictions.c
    query = select(columns.confidence).where(columns.module == module)
    with engine.execution_options(reading=True).connect() as connection:
        return list(connection.execute(query.order_by(columns.at.desc(), columns.id.desc()).limit(most)).scalars())


def newer(engine: Engine, module: str, than: Position | None, most: int) -> int:
    """Return how many predictions of a module stand after a position, counting no further than `most`."""
    query = select(predictions.c.id).where(predictions.c.module == module)
    if than is not None:
        query = query.where(_place() > _place(than))
    found = query.order_by(predictions.c.at, predictions.c.id).limit(most).subquery()
    with engine.execution_options(reading=True).connect() as connection:
        return int(connection.execute(select(func.count()).select_from(found)).scalar_one())


def as_findings(rows: list[RowMapping], names: tuple[str, ...]) -> Findings:
    """Return predictions as arrays, the named features as columns; one that was not logged is not a number."""
    missing = float("nan")
    return Findings(
        embeddings=np.stack([read_embedding(row["embedding"]) for row in rows]) if rows else np.zeros((0, 0), "f4"),
        features=np.array([[row["features"].get(name, missing) for name in names] for row in rows], np.float32).reshape(
            len(rows), len(names)
        ),
        names=names,
        confidences=np.array([row["confidence"] for row in rows], np.float32),
        labels=np.array([row["label"] for row in rows], np.str_),
    )


def _filtered(query: Select[Any], wanted: Filter) -> Select[Any]:
    columns = predictions.c
    if wanted.module is not None:
        query = query.where(columns.module == wanted.module)
    if wanted.label is not None:
        query = query.where(columns.label == wanted.label)
    if wanted.since is not None:
        query = query.where(columns.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(columns.at < wanted.until)
    return query


def _place(position: Position | None = None) -> Tuple:
    """Return a position as SQL, by default that of the row at hand."""
    if position is None:
        return tuple_(predictions.c.at, predictions.c.id)
    return tuple_(literal(position[0], UtcTime), position[1])


def _read(engine: Engine, query: Select[Any]) -> list[RowMapping]:
    with engine.execution_options(reading=True).connect() as connection:
        return list(connection.execute(query).mappings().all())
