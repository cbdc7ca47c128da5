"""A bounded local journal for predictions that the database could not take, until it is back.

It is a prediction log of its own, in SQLite beside the server: it survives a kill, any number of workers share it,
and a migration brings it up to date like the other.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, func, insert, select

from monitoring.database import connect, migrate
from monitoring.log import rows as log_rows
from monitoring.tables import predictions

REPLAY_ROWS = 500  # in one transaction


class JournalFull(Exception):
    """The journal holds all it may."""


class Journal:
    """Predictions that wait for the database."""

    def __init__(self, file: Path, most: int) -> None:
        """`most`: rows it holds; a few more where several workers write at once."""
        self._engine, self._most = connect(f"sqlite:///{file}"), most
        migrate(self._engine)

    def __len__(self) -> int:
        """Return how many predictions wait, counted by their numbers: rows leave at the old end only."""
        with self._engine.execution_options(reading=True).connect() as connection:
            first, last = connection.execute(select(func.min(predictions.c.id), func.max(predictions.c.id))).one()
        return 0 if first is None else int(last - first + 1)

    def append(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep rows durably. Raises JournalFull if they do not fit, sqlalchemy.exc.SQLAlchemyError if it fails."""
        if len(self) + len(rows) > self._most:
            raise JournalFull
        with self._engine.begin() as connection:
            connection.execute(insert(predictions), rows)

    def replay(self, engine: Engine) -> int:
        """Move the oldest rows to the database and return how many were moved.

        Rows that are there already, since a commit's answer was lost or another worker came first, are left alone.
        Raises sqlalchemy.exc.SQLAlchemyError if the database does not take them; they stay here then.
        """
        oldest = select(predictions).order_by(predictions.c.id).limit(REPLAY_ROWS)
        with self._engine.execution_options(reading=True).connect() as connection:
            waiting = connection.execute(oldest).mappings().all()
        if not waiting:
            return 0
        log_rows.insert(engine, [{name: value for name, value in row.items() if name != "id"} for row in waiting])
        with self._engine.begin() as connection:
            connection.execute(delete(predictions).where(predictions.c.id.in_([row["id"] for row in waiting])))
        return len(waiting)

    def close(self) -> None:
        self._engine.dispose()
