"""The journal: what the database could not take waits in order, within bounds, and leaves once it was taken."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from monitoring.database import connect
from monitoring.log import journal as module
from monitoring.log.journal import Journal, JournalFull
from monitoring.tables import predictions
from tests.support.logged import log, prediction
from tests.support.server import free_port

ROOM = 10  # rows


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite3", ROOM)
    yield opened
    opened.close()


def some(number: int) -> list[dict[str, Any]]:
    return [prediction({"Tumor": 0.8, "No Tumor": 0.2}) for _ in range(number)]


def kept(engine: Engine) -> list[str]:
    with engine.execution_options(reading=True).connect() as connection:
        return list(connection.execute(select(predictions.c.request_id).order_by(predictions.c.id)).scalars())


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["request_id"] for row in rows]


def test_an_empty_journal_has_nothing_to_give(database: Engine, journal: Journal) -> None:
    assert len(journal) == 0
    assert journal.replay(database) == 0
    assert kept(database) == []


def test_rows_leave_in_their_order_and_as_they_came(database: Engine, journal: Journal) -> None:
    rows = some(3)
    rows[1] |= {"embedding": b"\x00\xff", "features": {"symmetry": 0.25}, "warnings": ["out_of_distribution"]}
    journal.append(rows[:2])
    journal.append(rows[2:])
    assert len(journal) == 3
    assert journal.replay(database) == 3
    assert len(journal) == 0
    assert kept(database) == ids(rows)
    with database.connect() as connection:
        row = connection.execute(select(predictions).where(predictions.c.request_id == rows[1]["request_id"]))
        assert {name: value for name, value in row.mappings().one().items() if name != "id"} == rows[1]


def test_a_full_journal_takes_all_of_some_rows_or_none(database: Engine, journal: Journal) -> None:
    journal.append(some(ROOM - 1))
    with pytest.raises(JournalFull):
        journal.append(some(2))
    assert len(journal) == ROOM - 1
    journal.append(some(1))
    with pytest.raises(JournalFull):
        journal.append(some(1))
    journal.replay(database)
    journal.append(some(ROOM))
    assert len(journal) == ROOM


def test_rows_leave_in_bounded_chunks(database: Engine, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPLAY_ROWS", 4)
    rows = some(10)
    journal.append(rows)
    assert [journal.replay(database) for _ in range(math.ceil(10 / 4) + 1)] == [4, 4, 2, 0]
    assert kept(database) == ids(rows)


def test_what_is_in_the_database_already_is_left_as_it_is(database: Engine, journal: Journal) -> None:
    first, second = some(2)
    log(database, first)
    journal.append([{**first, "label": "No Tumor"}, second])
    assert journal.replay(database) == 2
    with database.connect() as connection:
        labels = connection.execute(select(predictions.c.request_id, predictions.c.label)).all()
    assert dict(map(tuple, labels)) == {first["request_id"]: "Tumor", second["request_id"]: "Tumor"}


def test_rows_stay_while_the_database_does_not_take_them(journal: Journal) -> None:
    journal.append(some(3))
    with pytest.raises(SQLAlchemyError):
        journal.replay(connect(f"postgresql://imip@127.0.0.1:{free_port()}/log"))
    assert len(journal) == 3


def test_a_journal_is_found_again(journal: Journal, tmp_path: Path) -> None:
    journal.append(some(3))
    again = Journal(tmp_path / "journal.sqlite3", ROOM)
    assert len(again) == 3
    again.close()


def test_replaying_at_once_doubles_nothing(database: Engine, tmp_path: Path) -> None:
    journals = [Journal(tmp_path / "journal.sqlite3", 500) for _ in range(4)]
    rows = some(300)
    journals[0].append(rows)
    with ThreadPoolExecutor(len(journals)) as threads:
        list(threads.map(lambda journal: journal.replay(database), journals))
    assert sorted(kept(database)) == sorted(ids(rows))
    with database.connect() as connection:
        assert connection.execute(select(func.count()).select_from(predictions)).scalar_one() == 300
    assert [len(journal) for journal in journals] == [0] * 4
    for journal in journals:
        journal.close()
