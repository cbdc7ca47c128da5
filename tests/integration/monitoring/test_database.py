"""The database: one schema whoever comes first, moments that stay what they are, and no password in any text."""

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, select
from sqlalchemy.exc import ArgumentError, OperationalError

from monitoring.database import connect, migrate
from monitoring.log.writer import PredictionLog
from monitoring.tables import metadata, predictions
from tests.support.logged import log, prediction
from tests.support.migrations import downgrade
from tests.support.postgres import PASSWORD, Postgres
from tests.support.server import REPOSITORY, free_port

TABLES = {*metadata.tables, "alembic_version"}
PROCESSES = 6
MIGRATE = """
import os, sys
from monitoring.database import connect, migrate
for _ in range(int(sys.argv[2])):
    if os.fork() == 0:
        migrate(connect(sys.argv[1]))
        os._exit(0)
sys.exit(any(os.wait()[1] for _ in range(int(sys.argv[2]))))
"""


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    """A database without a schema."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def differences(engine: Engine) -> list[object]:
    """What a new migration would have to change."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def test_models_and_migrations_agree(database: Engine) -> None:
    assert differences(database) == []


def test_migrating_twice_is_harmless(database: Engine) -> None:
    (request,) = log(database, prediction({"Tumor": 0.8, "No Tumor": 0.2}))
    migrate(database)
    assert tables(database) == TABLES
    with database.connect() as connection:
        assert connection.execute(select(predictions.c.request_id)).scalars().all() == [request]


def test_a_schema_can_be_taken_back_and_made_again(database: Engine) -> None:
    downgrade(database, "base")
    assert tables(database) == {"alembic_version"}
    migrate(database)
    assert tables(database) == TABLES
    assert differences(database) == []


def test_a_migration_that_fails_leaves_nothing_behind(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        upgrade(*_)
        raise RuntimeError

    upgrade = command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", fail)
        with pytest.raises(RuntimeError):
            migrate(empty)
    assert tables(empty) == set()
    migrate(empty)
    assert tables(empty) == TABLES


def test_many_processes_may_migrate_one_empty_database(empty: Engine, database_url: str) -> None:
    arguments = [sys.executable, "-c", MIGRATE, database_url, str(PROCESSES)]
    done = subprocess.run(arguments, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert (done.stderr, done.returncode) == ("", 0)
    assert tables(empty) == TABLES
    assert differences(empty) == []


def test_threads_may_migrate_several_databases_at_once(tmp_path: Path) -> None:
    engines = [connect(f"sqlite:///{tmp_path / str(number)}") for number in range(4)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(migrate, engines * 2))
    assert [tables(engine) for engine in engines] == [TABLES] * 4


def test_sqlite_is_durable_and_lets_readers_work_beside_a_writer(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'new' / 'predictions.sqlite3'}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    migrate(engine)
    with engine.begin(), reading(engine) as reader:
        assert reader.execute(select(predictions)).all() == []


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    with engine.execution_options(reading=True).connect() as connection:
        yield connection


def test_a_moment_keeps_its_value_and_comes_back_in_utc(database: Engine) -> None:
    moments = [
        datetime(2025, 3, 30, 1, 59, 59, 999999, UTC),  # summer time begins in Europe a microsecond later
        datetime(2025, 3, 30, 8, 0, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(2025, 12, 31, 23, 30, tzinfo=timezone(-timedelta(hours=3))),
    ]
    log(database, *(prediction({"Tumor": 1.0}, at=moment) for moment in moments))
    with database.connect() as connection:
        kept = list(connection.execute(select(predictions.c.at).order_by(predictions.c.id)).scalars())
        found = connection.execute(select(predictions.c.id).where(predictions.c.at == moments[1])).scalars().all()
    assert kept == moments
    assert {moment.tzinfo for moment in kept} == {UTC}
    assert len(found) == 1


def test_a_connection_that_was_cut_is_replaced(postgres: Postgres) -> None:
    engine = connect(postgres.database())
    migrate(engine)
    with postgres.gone():
        pass
    with engine.connect() as connection:
        assert connection.execute(select(predictions)).all() == []


@pytest.mark.parametrize("url", ["nonsense", "nonsense://host/log", "postgresql://imip:{0}@host:port/log",
                                 "postgresql://imip:{0}@y:{0}@host/log"])  # fmt: skip
def test_what_is_no_url_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        connect(url.format(PASSWORD))
    assert PASSWORD not in f"{caught.value!r} {caught.value}"
    assert caught.value.__suppress_context__ or PASSWORD not in repr(caught.value.__context__)


def test_a_password_shows_in_no_text(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    right = postgres.database()
    secret = "wrong-" + PASSWORD
    urls = [
        right,
        right.replace(PASSWORD, secret),
        f"postgresql://imip:{secret}@127.0.0.1:{free_port()}/log",
        f"{right}_that_is_not_there",
    ]
    texts = []
    for url in urls:
        engine = connect(url)
        texts += [repr(engine), str(engine.url)]
        written = PredictionLog(engine)
        assert written.available == (url == right)
        written.close()
        if url != right:
            with pytest.raises(OperationalError) as caught:
                engine.connect()
            texts += [str(caught.value), repr(caught.value), str(caught.value.orig)]
        engine.dispose()
    texts.append(caplog.text)
    texts += [str(record.__dict__) for record in caplog.records]
    assert "cannot be written" in caplog.text
    assert not [text for text in texts if PASSWORD in text]


def test_a_file_that_is_no_database_is_an_error_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "predictions.sqlite3").write_bytes(b"not a database" * 100)
    with pytest.raises(Exception, match="not a database") as caught:
        migrate(connect(f"sqlite:///{tmp_path / 'predictions.sqlite3'}"))
    assert not isinstance(caught.value, sqlite3.Error)
