"""Rows into a database: all or none, each once, and again after the connection was lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from monitoring.database import connect, migrate
from monitoring.log.rows import insert
from monitoring.tables import predictions
from tests.support.logged import prediction
from tests.support.postgres import Postgres


def row(**changes: Any) -> dict[str, Any]:
    full = prediction({"Tumor": 0.75, "No Tumor": 0.25}, at=datetime(2025, 3, 5, 12, tzinfo=UTC))
    return (
        full | {"features": {"symmetry": 0.5}, "embedding": b"\x00\x01", "warnings": ["out_of_distribution"]} | changes
    )


def kept(database: Engine) -> list[dict[str, Any]]:
    with database.connect() as connection:
        found = connection.execute(select(predictions).order_by(predictions.c.id)).mappings().all()
    return [{name: value for name, value in one.items() if name != "id"} for one in found]


def test_rows_come_back_as_they_were(database: Engine) -> None:
    rows = [row(at=datetime(2025, 3, 5, 12, tzinfo=UTC) + timedelta(microseconds=step)) for step in (0, 1, 999_999)]
    insert(database, rows)
    assert kept(database) == rows


def test_one_bad_row_keeps_all_out_and_the_next_call_works(database: Engine) -> None:
    first = row()
    insert(database, [first])
    with pytest.raises(SQLAlchemyError):
        insert(database, [row(), row(label=None)])
    last = row()
    insert(database, [last])
    assert [one["request_id"] for one in kept(database)] == [first["request_id"], last["request_id"]]


def test_a_row_that_is_there_already_is_left_alone(database: Engine) -> None:
    first = row()
    for _ in range(2):
        insert(database, [first])
    assert kept(database) == [first]


def test_a_connection_cut_while_nobody_wrote_is_not_noticed(postgres: Postgres) -> None:
    engine = connect(postgres.database())
    migrate(engine)
    insert(engine, [row()])
    with postgres.gone():
        pass
    insert(engine, [row()])
    engine.dispose()
    assert len(kept(engine)) == 2


def test_a_lost_connection_is_reported_without_the_row_and_opened_again(postgres: Postgres) -> None:
    engine = connect(postgres.database())
    migrate(engine)
    insert(engine, [row()])
    with postgres.gone():
        for _ in range(2):
            with pytest.raises(SQLAlchemyError) as raised:
                insert(engine, [row(label="Canary")])
            assert "Canary" not in str(raised.value)
    insert(engine, [row()])
    engine.dispose()
    assert len(kept(engine)) == 2
