"""What the prediction log forgets: rows too old and rows too many, in small transactions between which others write."""

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

    Returns how many rows are gone.
    """
    oldest = datetime.now(UTC) - timedelta(days=days)
    gone = sum(_batches(engine, predictions, predictions.c.at < oldest))
    gone += sum(_batches(engine, drift_checks, drift_checks.c.at < oldest))
    gone += sum(_batches(engine, feedback, feedback.c.predicted_at < oldest))
    gone += sum(_batches(engine, predictions, predictions.c.id < _first_to_keep(engine, predictions, rows)))
    return gone + sum(_batches(engine, drift_checks, drift_checks.c.id < _first_to_keep(engine, drift_checks, CHECKS)))


def _first_to_keep(engine: Engine, table: Table, rows: int) -> int:
    """Return the number of the oldest row within the newest `rows`, by number: nothing is counted through."""
    with engine.execution_options(reading=True).connect() as connection:
        last = connection.execute(select(func.max(table.c.id))).scalar_one()
    return int(last or 0) - rows + 1


def _batches(engine: Engine, table: Table, condition: ColumnElement[bool]) -> Iterator[int]:
    key = table.primary_key.columns[0]
    doomed = select(key).where(condition).limit(BATCH)
    while True:
        with engine.begin() as connection:
            gone = connection.execute(delete(table).where(key.in_(doomed.scalar_subquery()))).rowcount
        metrics.log_pruned.inc(gone)
        yield gone
        if gone < BATCH:
            return
        time.sleep(REST_SECONDS)
