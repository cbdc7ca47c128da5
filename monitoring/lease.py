"""Which of several monitors on one database computes: the one that holds a lease in it.

A lease outlives a crash of its holder by seconds only, works alike on SQLite and PostgreSQL, and goes by the
database's clock, so that the clocks of the replicas do not matter (Gray and Cheriton 1989, "Leases").
"""

from typing import Any

from sqlalchemy import Connection, Engine, TextClause, select, text

from monitoring.database import insert_into
from monitoring.tables import leases

SECONDS = 30.0
MONITOR = "drift-monitor"  # the lease of the monitor that computes
NOW: dict[str, TextClause] = {  # seconds since 1970
    "sqlite": text("SELECT (julianday('now') - 2440587.5) * 86400"),
    "postgresql": text("SELECT extract(epoch FROM clock_timestamp())::float8"),
}


class Lease:
    """A name that at most one holder has at a time."""

    def __init__(self, engine: Engine, name: str, holder: str) -> None:
        self._engine, self._name, self._holder = engine, name, holder

    def take(self) -> bool:
        """Take the lease or prolong it; return whether it is held now.

        Raises sqlalchemy.exc.SQLAlchemyError if the database is unreachable.
        """
        with self._engine.begin() as connection:
            now = float(connection.execute(NOW[self._engine.dialect.name]).scalar_one())
            wanted = {"name": self._name, "holder": self._holder, "expires": now + SECONDS}
            return self._store(connection, wanted, now)

    def release(self) -> None:
        """Let another have it at once."""
        with self._engine.begin() as connection:
            connection.execute(leases.delete().where(leases.c.name == self._name, leases.c.holder == self._holder))

    def _store(self, connection: Connection, wanted: dict[str, Any], now: float) -> bool:
        free = (leases.c.holder == self._holder) | (leases.c.expires < now)
        statement = insert_into(self._engine, leases).values(wanted)
        replaced = {"holder": statement.excluded.holder, "expires": statement.excluded.expires}
        # Not by the count of rows: for an insertion SQLAlchemy does not keep it on every database.
        stored = statement.on_conflict_do_update(index_elements=["name"], set_=replaced, where=free)
        return connection.execute(stored.returning(leases.c.holder)).first() is not None


def is_held(engine: Engine, name: str) -> bool:
    """Return whether anybody holds a lease now."""
    with engine.execution_options(reading=True).connect() as connection:
        now = float(connection.execute(NOW[engine.dialect.name]).scalar_one())
        expires = connection.execute(select(leases.c.expires).where(leases.c.name == name)).scalar_one_or_none()
    return expires is not None and expires >= now
