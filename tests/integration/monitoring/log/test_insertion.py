"""The log's own insertion: the same rows as SQLAlchemy's, all or none, and again after the connection was lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import SQLAlchemyError

from monitoring.database import connect, migrate
from monitoring.log.insertion import Insertion
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


def test_it_keeps_what_sqlalchemy_would(database: Engine) -> None:
    rows = [row(at=datetime(2025, 3, 5, 12, tzinfo=UTC) + timedelta(microseconds=step)) for step in (0, 1, 999_999)]
    Insertion(database)(rows)
    ours = kept(database)
    with database.begin() as connection:
        connection.execute(predictions.delete())
        connection.execute(insert(predictions), rows)
    assert ours == kept(database) == rows


def test_one_bad_row_keeps_all_out_and_the_next_call_works(database: Engine) -> None:
    insertion = Insertion(database)
    first = row()
    insertion([first])
    with pytest.raises(SQLAlchemyError):
        insertion([row(), row(label=None)])
    last = row()
    insertion([last])
    assert [one["request_id"] for one in kept(database)] == [first["request_id"], last["request_id"]]


def test_a_row_that_is_there_already_is_left_alone(database: Engine) -> None:
    first = row()
    insertion = Insertion(database)
    for _ in range(2):
        insertion([first])
    assert kept(database) == [first]


def test_a_connection_cut_while_nobody_wrote_is_not_noticed(postgres: Postgres) -> None:
    engine = connect(postgres.database())
    migrate(engine)
    insertion = Insertion(engine)
    insertion([row()])
    with postgres.gone():
        pass
    insertion([row()])
    engine.dispose()
    assert len(kept(engine)) == 2


def test_a_lost_connection_is_told_without_the_row_and_opened_again(postgres: Postgres) -> None:
    engine = connect(postgres.database())
    migrate(engine)
    insertion = Insertion(engine)
    insertion([row()])
    with postgres.gone():
        for _ in range(2):
            with pytest.raises(SQLAlchemyError) as told:
                insertion([row(label="Canary")])
            assert "Canary" not in str(told.value)
    insertion([row()])
    engine.dispose()
    assert len(kept(engine)) == 2
