"""Retention: what is too old or too much goes, in small steps, and everything else stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Table, event, insert, select

from monitoring.log import retention
from monitoring.log.retention import prune
from monitoring.performance.feedback import give
from monitoring.tables import drift_checks, feedback, predictions
from tests.support.logged import log, prediction

DAYS = 30.0
ALL = 1_000_000  # rows, more than there are


def tumor(days: float = 0, **columns: Any) -> dict[str, Any]:
    """A prediction made some days ago."""
    return {**prediction({"Tumor": 0.75, "No Tumor": 0.25}, at=ago(days)), **columns}


def ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def check(days: float, last: int) -> dict[str, Any]:
    """A drift check made some days ago."""
    return {
        "at": ago(days), "module": "brain-tumor", "version": "1", "reference": "r", "reference_size": 9,
        "window_size": 9, "window_rows": 9, "since": ago(days + 1), "until": ago(days), "last_prediction": last,
        "trigger": "monitor", "drifted": False, "results": [], "seconds": 0.5,
    }  # fmt: skip


def kept(database: Engine, table: Table = predictions, column: str = "request_id") -> list[Any]:
    with database.execution_options(reading=True).connect() as connection:
        return list(connection.execute(select(table.c[column]).order_by(table.c[column])).scalars())


@contextmanager
def transactions(database: Engine) -> Iterator[list[None]]:
    """One entry for each transaction that is committed meanwhile."""
    seen: list[None] = []

    def note(_: object) -> None:
        seen.append(None)

    event.listen(database, "commit", note)
    try:
        yield seen
    finally:
        event.remove(database, "commit", note)


def test_old_predictions_go(database: Engine) -> None:
    old_or_new = [DAYS + 100, DAYS + 0.01, DAYS - 0.01, 1, 0]
    ids = log(database, *(tumor(days) for days in old_or_new))
    assert prune(database, DAYS, ALL) == 2
    assert kept(database) == sorted(ids[2:])
    assert prune(database, DAYS, ALL) == 0


def test_predictions_beyond_a_number_go_the_oldest_first(database: Engine) -> None:
    ids = log(database, *(tumor() for _ in range(20)))
    assert prune(database, DAYS, 20) == 0
    assert prune(database, DAYS, 7) == 13
    assert kept(database) == sorted(ids[-7:])


def test_an_empty_log_is_left_alone(database: Engine) -> None:
    assert prune(database, DAYS, 5) == 0


def test_feedback_and_checks_go_by_age_alone(database: Engine) -> None:
    old, new = log(database, tumor(DAYS + 1), tumor(DAYS - 1))
    for request in (old, new):
        give(database, request, "Tumor")
    with database.begin() as connection:
        connection.execute(insert(drift_checks), [check(DAYS + 1, 1), check(DAYS - 1, 2)])
    assert prune(database, DAYS, ALL) == 3
    assert kept(database) == kept(database, feedback) == [new]
    assert kept(database, drift_checks, "last_prediction") == [2]
    log(database, tumor())
    assert prune(database, DAYS, 1) == 1
    assert kept(database, feedback) == [new]  # a label outlives its prediction


@pytest.mark.parametrize(("days", "rows"), [(DAYS, ALL), (1000.0, 4)])
def test_much_goes_in_small_transactions(
    database: Engine, days: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    monkeypatch.setattr(retention, "REST_SECONDS", 0.001)
    log(database, *(tumor(DAYS + 1) for _ in range(45)))
    ids = log(database, *(tumor() for _ in range(4)))
    with transactions(database) as committed:
        assert prune(database, days, rows) == 45
    assert len(committed) >= 5
    assert kept(database) == sorted(ids)


def test_predictions_are_written_meanwhile(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    log(database, *(tumor(DAYS + 1) for _ in range(35)))
    written: list[str] = []
    monkeypatch.setattr(retention.time, "sleep", lambda _: written.extend(log(database, tumor())))  # nothing is locked
    assert prune(database, DAYS, ALL) == 35
    assert len(written) == 3
    assert kept(database) == sorted(written)
