"""The one statement of the hot path: predictions into the log, compiled once, on a connection that is kept.

Where a commit holds a finding or two, SQLAlchemy's way through a statement costs more than the commit itself. So the
statement and its conversions are SQLAlchemy's, and the driver is called directly; `tools.benchmarks.monitoring_cost`
shows what the log costs.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import PoolProxiedConnection

from monitoring.database import insert_into
from monitoring.tables import predictions

COLUMNS = tuple(column for column in predictions.c if column.name != "id")


class Insertion:
    """Commits rows of predictions, each call one transaction. For one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: PoolProxiedConnection | None = None
        dialect = engine.dialect
        statement = insert_into(engine, predictions).on_conflict_do_nothing()
        compiled = statement.compile(dialect=dialect, column_keys=[column.name for column in COLUMNS])
        self._statement, self._order = str(compiled), compiled.positiontup
        self._conversions = {
            column.name: column.type.dialect_impl(dialect).bind_processor(dialect) for column in COLUMNS
        }

    def __call__(self, rows: Sequence[dict[str, Any]]) -> None:
        """Commit rows. Raises sqlalchemy.exc.SQLAlchemyError if the database does not take them; none is kept then.

        A connection that was kept may have been cut while nobody wrote: then it is tried once more on a new one. Rows
        that are there already, since only the answer to their commit was lost, are left alone.
        """
        kept = self._connection is not None
        try:
            self._commit(rows)
        except SQLAlchemyError:
            if not kept:
                raise
            self._commit(rows)

    def _commit(self, rows: Sequence[dict[str, Any]]) -> None:
        try:
            if self._connection is None:
                self._connection = self._engine.raw_connection()
            cursor = self._connection.cursor()
            if self._engine.dialect.name == "sqlite":  # its driver begins nothing by itself, see monitoring.database
                cursor.execute("BEGIN IMMEDIATE")
            cursor.executemany(self._statement, [self._parameters(row) for row in rows])
            cursor.close()
            self._connection.commit()
        except self._engine.dialect.loaded_dbapi.Error as error:
            self.close()
            raise DBAPIError(None, None, error, hide_parameters=True) from None

    def close(self) -> None:
        """Let the connection go; the next call opens another."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection = None

    def _parameters(self, row: dict[str, Any]) -> Any:
        values = {
            name: conversion(row[name]) if conversion else row[name] for name, conversion in self._conversions.items()
        }
        return values if self._order is None else tuple(values[name] for name in self._order)
