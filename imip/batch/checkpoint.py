"""What of a folder is done: the files found and the row of each, in SQLite beside the results, until all are there.

It survives a kill at any moment but for the last second's rows, which are then made again. What is on disk need not be
in memory, so the folder may be of any size.
"""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

COMMIT_SECONDS = 1.0  # of work that a kill may cost
PAGE = 1_000  # paths read at once

SCHEMA = """
CREATE TABLE IF NOT EXISTS terms (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, size INTEGER, changed INTEGER, found INTEGER NOT NULL, error TEXT, row TEXT
) WITHOUT ROWID;
"""
CLEAR = "DROP TABLE IF EXISTS terms; DROP TABLE IF EXISTS files;"
# A file that changed since its row was made is to be done again.
FOUND = """
INSERT INTO files (path, size, changed, found) VALUES (?, ?, ?, 1)
ON CONFLICT (path) DO UPDATE SET
    found = 1, size = excluded.size, changed = excluded.changed,
    row = CASE WHEN size IS excluded.size AND changed IS excluded.changed THEN row END
"""


class CheckpointRefused(Exception):
    """The checkpoint is of another run, in use by one, or no checkpoint."""


class Found(NamedTuple):
    """One file; its size in bytes and time of change in ns tell later whether it is the same."""

    path: bytes  # below the folder, as the file system has it: not every name is text
    size: int | None = None  # where it is known
    changed: int | None = None


class Checkpoint:
    """The files of one run and their rows, in the order of their paths' bytes."""

    def __init__(self, file: Path, terms: Mapping[str, str], restart: bool = False) -> None:
        """`terms`: what all rows have in common, such as the model's version. `restart` forgets an earlier run.

        Raises CheckpointRefused if the file has rows made on other terms, is in use or is no checkpoint, and
        sqlite3.Error if it cannot be written.
        """
        self.file = file
        self._connection = sqlite3.connect(file, timeout=0)
        self._committed = time.monotonic()
        try:
            self._open(terms, restart)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        with closing(self._connection):
            self._connection.commit()

    @property
    def total(self) -> int:
        """Files found."""
        return self._count("SELECT count(*) FROM files")

    @property
    def done(self) -> int:
        """Files that have a row."""
        return self._count("SELECT count(row) FROM files")

    def find(self, files: Iterable[Found]) -> None:
        """Enter what a folder holds now. What it held earlier and does not now is forgotten."""
        self._connection.execute("UPDATE files SET found = 0")
        self._connection.executemany(FOUND, files)
        self._connection.execute("DELETE FROM files WHERE NOT found")
        self._connection.commit()

    def waiting(self) -> Iterator[bytes]:
        """Return the paths without a row, also while rows are entered."""
        last = b""
        query = "SELECT path FROM files WHERE row IS NULL AND path > ? ORDER BY path LIMIT ?"
        while page := self._connection.execute(query, (last, PAGE)).fetchall():
            yield from (path for (path,) in page)
            (last,) = page[-1]

    def enter(self, path: bytes, row: Mapping[str, Any]) -> None:
        """Keep the row of a file; in its cell `error` stands what went wrong, if anything did."""
        self._connection.execute(
            "UPDATE files SET row = ?, error = ? WHERE path = ?", (json.dumps(row), row.get("error"), path)
        )
        if time.monotonic() - self._committed >= COMMIT_SECONDS:
            self._connection.commit()
            self._committed = time.monotonic()

    def rows(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Return path and row of each file that has one."""
        for path, row in self._connection.execute("SELECT path, row FROM files WHERE row IS NOT NULL ORDER BY path"):
            yield path, json.loads(row)

    def errors(self) -> Counter[str]:
        """Return how many files have which error."""
        query = "SELECT error, count(*) FROM files WHERE row IS NOT NULL AND error IS NOT NULL GROUP BY error"
        return Counter(dict(self._connection.execute(query).fetchall()))

    def failed(self, most: int) -> list[tuple[bytes, str]]:
        """Return the first files that have an error, each with it."""
        query = "SELECT path, error FROM files WHERE row IS NOT NULL AND error IS NOT NULL ORDER BY path LIMIT ?"
        return self._connection.execute(query, (most,)).fetchall()

    def _open(self, terms: Mapping[str, str], restart: bool) -> None:
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("BEGIN EXCLUSIVE")
            self._connection.executescript(CLEAR + SCHEMA if restart else SCHEMA)
        except sqlite3.DatabaseError as fault:
            if fault.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise CheckpointRefused(f"Another run is writing {self.file.name}.") from fault
            if fault.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                raise CheckpointRefused(f"{self.file.name} holds no partial results.") from fault
            raise
        kept = dict(self._connection.execute("SELECT name, value FROM terms").fetchall())
        if differing := sorted(
            name for name in kept.keys() | terms.keys() if kept and kept.get(name) != terms.get(name)
        ):
            told = "; ".join(f"{name} {kept.get(name)}, now {terms.get(name)}" for name in differing)
            raise CheckpointRefused(f"The partial results in {self.file.name} were made otherwise: {told}.")
        self._connection.executemany("INSERT OR IGNORE INTO terms VALUES (?, ?)", terms.items())
        self._connection.commit()

    def _count(self, query: str) -> int:
        (count,) = self._connection.execute(query).fetchone()
        return int(count)
