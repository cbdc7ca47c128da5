"""The database of the prediction log: SQLite in a file by default, or PostgreSQL; its schema is kept up to date.

Several processes may start at once: the first one migrates, the others wait and find it done.
"""

import sqlite3
import threading
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 4_937_201  # any number, as long as nothing else takes advisory locks by it
SQLITE_WAIT_SECONDS = 15.0  # for another writer
_ALEMBIC = threading.Lock()  # it keeps the migration at hand in global variables
POSTGRESQL = {  # an unreachable database is noticed in seconds, not in TCP's quarter of an hour
    "connect_timeout": 3,
    "tcp_user_timeout": 5_000,  # ms, for what was sent
    "keepalives_idle": 5,  # s, for an answer that is waited for
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "options": "-c statement_timeout=15000 -c timezone=UTC",
}


def connect(url: str) -> Engine:
    """Return an engine for a database. Nothing is opened before its first use, and no error quotes a row.

    Raises sqlalchemy.exc.ArgumentError if the URL is none.
    """
    target = _parse(url)
    if target.get_backend_name() == "sqlite":
        if target.database:
            Path(target.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(target, connect_args={"timeout": SQLITE_WAIT_SECONDS}, hide_parameters=True)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if target.drivername == "postgresql":
        target = target.set(drivername="postgresql+psycopg")
    # A connection may have been cut while nobody used it: it is tried at each use, and another is opened.
    return create_engine(target, connect_args=POSTGRESQL, pool_pre_ping=True, hide_parameters=True)


def migrate(engine: Engine) -> None:
    """Bring the schema up to date. Safe with any number of processes at once."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        with _ALEMBIC:
            command.upgrade(config, "head")


def insert_into(engine: Engine, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an insertion that can say what to do about rows that are there already."""
    return postgresql.insert(table) if engine.dialect.name == "postgresql" else sqlite.insert(table)


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ValueError:  # its port is no number; the message would quote what may be half a password
        raise ArgumentError("The database's URL has a port that is no number.") from None


def _set_up_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun below, so that they hold schema changes too
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")  # a commit survives a power cut as well
    cursor.close()


def _switch_to_wal(cursor: DBAPICursor) -> None:
    """Let readers and one writer work at once. SQLite's own waiting does not cover this statement."""
    end = time.monotonic() + SQLITE_WAIT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:  # another process is at it
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    # Taking the write lock at once is what lets two migrations, or two writers, wait for each other.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
