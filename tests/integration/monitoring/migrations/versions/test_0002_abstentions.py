"""Feedback of an older log: which of it is on abstentions, also where the prediction was deleted."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, Table, delete, insert, inspect, select

from monitoring import tables
from monitoring.database import connect, migrate
from monitoring.performance.weekly import performance
from monitoring.reports.store import newest
from tests.support.logged import AT, log, prediction
from tests.support.migrations import downgrade, upgrade

BINARY = {"Tumor": 0.75, "No Tumor": 0.25}
GRADES = {"Ambiguous": 0.5, "Clear": 0.5}  # of another module, to which this is a label


@pytest.fixture
def old(database_url: str) -> Iterator[Engine]:
    """A log of an older server."""
    engine = connect(database_url)
    upgrade(engine, "0001")
    yield engine
    engine.dispose()


def table(engine: Engine, name: str) -> Table:
    """A table as the older server knew it, but for SQLite's moments, which it kept as today."""
    found = Table(name, MetaData(), autoload_with=engine)
    for column in found.c:
        column.type = tables.metadata.tables[name].c[column.name].type
    return found


def give(engine: Engine, row: dict[str, Any], actual: str, at: datetime = AT) -> str:
    """Store a prediction and its feedback."""
    said = {
        "request_id": row["request_id"], "at": at, "actual": actual, "predicted_at": row["at"],
        "module": row["module"], "version": row["version"], "predicted": row["label"], "confidence": row["confidence"],
    }  # fmt: skip
    predictions, feedback = table(engine, "predictions"), table(engine, "feedback")
    with engine.begin() as connection:
        connection.execute(insert(predictions), [row])
        connection.execute(insert(feedback), [said])
    return str(row["request_id"])


def forget(engine: Engine, *requests: str) -> None:
    with engine.begin() as connection:
        connection.execute(delete(tables.predictions).where(tables.predictions.c.request_id.in_(requests)))


def abstained(engine: Engine) -> dict[str, bool]:
    c = tables.feedback.c
    with engine.connect() as connection:
        return dict(map(tuple, connection.execute(select(c.request_id, c.abstained))))


def test_feedback_on_abstentions_is_marked(old: Engine) -> None:
    expected = {
        give(old, prediction(BINARY), "Tumor"): False,
        give(old, prediction(BINARY, label="Ambiguous"), "Tumor"): True,
        give(old, prediction(GRADES, module="grades"), "Clear"): False,
    }
    migrate(old)
    assert abstained(old) == expected


def test_feedback_whose_prediction_was_deleted_goes_by_the_labels_of_its_module(old: Engine) -> None:
    expected = {
        give(old, prediction(BINARY), "Tumor"): False,  # a reviewer gave this label
        give(old, prediction(BINARY, label="No Tumor"), "Tumor"): False,  # a prediction has a probability of it
        give(old, prediction(BINARY, label="Ambiguous"), "Tumor"): True,
        give(old, prediction(GRADES, module="grades"), "Clear"): False,
    }
    forget(old, *expected)
    log(old, prediction(BINARY), prediction(GRADES, module="grades"))
    migrate(old)
    assert abstained(old) == expected


def test_a_label_that_nothing_is_left_of_counts_as_an_abstention(old: Engine) -> None:
    request = give(old, prediction(BINARY), "No Tumor")
    forget(old, request)
    migrate(old)
    assert abstained(old) == {request: True}


def test_calibration_is_that_of_the_chosen_labels_from_then_on(old: Engine) -> None:
    give(old, prediction({"Tumor": 0.95, "No Tumor": 0.05}), "Tumor")
    for number in range(3):
        request = give(old, prediction({"Tumor": 0.6, "No Tumor": 0.4}, label="Ambiguous"), "Tumor")
        if number:
            forget(old, request)
    migrate(old)
    (week,) = performance(old, "brain-tumor", AT)
    assert week.labelled == 4
    assert week.expected_calibration_error == pytest.approx(0.05)
    assert week.brier_score == pytest.approx(0.0025)


def test_an_older_server_can_still_give_feedback(old: Engine) -> None:
    before = table(old, "feedback")
    migrate(old)
    row = prediction(BINARY)
    log(old, row)
    said = {column.name: row.get(column.name) for column in before.c}
    said |= {"actual": "Tumor", "predicted_at": AT, "predicted": "Tumor"}
    with old.begin() as connection:
        connection.execute(insert(before), [said])
    assert abstained(old) == {row["request_id"]: False}


def test_a_report_stays_and_one_that_was_only_asked_for_goes(old: Engine) -> None:
    reports = Table("drift_reports", MetaData(), autoload_with=old)
    with old.begin() as connection:
        connection.execute(insert(reports), [{"module": "made", "made_at": AT, "requested_at": AT, "html": b"page"}])
        connection.execute(insert(reports), [{"module": "asked for", "requested_at": AT}])
    migrate(old)
    assert newest(old, "made") == b"page"
    with old.connect() as connection:
        assert connection.execute(select(tables.drift_reports.c.module)).scalars().all() == ["made"]


def test_it_can_be_taken_back(old: Engine) -> None:
    before = columns(old)
    request = give(old, prediction(BINARY, label="Ambiguous"), "Tumor")
    migrate(old)
    assert columns(old) != before
    downgrade(old, "0001")
    assert columns(old) == before
    migrate(old)
    assert abstained(old) == {request: True}


def columns(engine: Engine) -> dict[str, set[tuple[str, bool]]]:
    """The columns of the tables that change, and whether they may be null."""
    look = inspect(engine)
    return {
        table: {(column["name"], column["nullable"]) for column in look.get_columns(table)}
        for table in ("feedback", "drift_reports")
    }
