"""Retention: rows too old and rows too many are deleted, in small transactions between which others write."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, Table, delete, func, select

from monitoring import metrics
from monitoring.tables import drift_checks, feedback, predictions

BATCH = 500  # rows in one transaction
CHECKS = 20_000  # drift checks kept at most, some 4 KB each; a busy monitor makes one a second
REST_SECONDS = 0.05  # between two transactions, so that predictions come first


def prune(engine: Engine, days: float, rows: int) -> int:
    """Delete predictions, feedback and checks older than `days`, and the oldest beyond `rows` predictions or CHECKS.

    Returns how many rows were deleted.
    """
    oldest = datetime.now(UTC) - timedelta(days=days)
    expired = (
        (predictions, predictions.c.at < oldest),
        (drift_checks, drift_checks.c.at < oldest),
        (feedback, feedback.c.predicted_at < oldest),
        (predictions, predictions.c.id < _first_to_keep(engine, predictions, rows)),
        (drift_checks, drift_checks.c.id < _first_to_keep(engine, drift_checks, CHECKS)),
    )
    return sum(sum(_batches(engine, table, condition)) for table, condition in expired)


def _first_to_keep(engine: Engine, table: Table, rows: int) -> int:
    """Return the number of the oldest row within the newest `rows`, by number: nothing is counted through."""
    with engine.execution_options(reading=True).connect() as connection:
        last = connection.execute(select(func.max(table.c.id))).scalar_one()
    return int(last or 0) - rows + 1


def _batches(engine: Engine, table: Table, condition: ColumnElement[bool]) -> Iterator[int]:
    key = table.primary_key.columns[0]
    batch = select(key).where(condition).limit(BATCH)
    while True:
        with engine.begin() as connection:
            deleted = connection.execute(delete(table).where(key.in_(batch.scalar_subquery()))).rowcount
        metrics.log_pruned.inc(deleted)
        yield deleted
        if deleted < BATCH:
            return
        time.sleep(REST_SECONDS)
