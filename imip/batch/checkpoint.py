"""The checkpoint of a batch run: the files of a folder and the result of each, in SQLite next to the results file.

If the process is killed, at most the rows of the last second are lost, and the next run computes them again. The rows
are on disk, not in memory, so a folder of any size can be scored.
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

COMMIT_SECONDS = 1.0  # between commits: the most work that is lost when the process is killed
PAGE_SIZE = 1_000  # paths in one read

SCHEMA = """
CREATE TABLE IF NOT EXISTS terms (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, size INTEGER, changed INTEGER, found INTEGER NOT NULL, error TEXT, row TEXT
) WITHOUT ROWID;
"""
DROP_TABLES = "DROP TABLE IF EXISTS terms; DROP TABLE IF EXISTS files;"
# A file that has changed loses its row, so that it is scored again.
UPSERT_FILE = """
INSERT INTO files (path, size, changed, found) VALUES (?, ?, ?, 1)
ON CONFLICT (path) DO UPDATE SET
    found = 1, size = excluded.size, changed = excluded.changed,
    row = CASE WHEN size IS excluded.size AND changed IS excluded.changed THEN row END
"""


class CheckpointError(Exception):
    """The checkpoint belongs to a run with other parameters, is in use, or is not a checkpoint."""


class FileEntry(NamedTuple):
    """One file. If its size or its time of modification changes, it is scored again."""

    path: bytes  # relative to the folder, undecoded: not every file name is valid text
    size: int | None = None  # bytes, None if unknown
    modified: int | None = None  # ns since the epoch, None if unknown


class Checkpoint:
    """The files of one run and their rows, sorted by the bytes of the path."""

    def __init__(self, file: Path, parameters: Mapping[str, str], restart: bool = False) -> None:
        """`parameters`: what all rows have in common, such as the model version. `restart` deletes an earlier run.

        Raises CheckpointError if the file has rows made with other parameters, is in use or is not a checkpoint, and
        sqlite3.Error if it cannot be written.
        """
        self.file = file
        self._connection = sqlite3.connect(file, timeout=0)
        self._committed = time.monotonic()
        try:
            self._open(parameters, restart)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with closing(self._connection):
            self._connection.commit()

    @property
    def total(self) -> int:
        """Number of files."""
        return self._count("SELECT count(*) FROM files")

    @property
    def done(self) -> int:
        """Number of files that have a row."""
        return self._count("SELECT count(row) FROM files")

    def update_files(self, files: Iterable[FileEntry]) -> None:
        """Replace the list of files. Files that are no longer in the folder are removed, with their rows."""
        self._connection.execute("UPDATE files SET found = 0")
        self._connection.executemany(UPSERT_FILE, files)
        self._connection.execute("DELETE FROM files WHERE NOT found")
        self._connection.commit()

    def pending(self) -> Iterator[bytes]:
        """Yield the paths without a row. Rows may be saved while this runs."""
        last = b""
        query = "SELECT path FROM files WHERE row IS NULL AND path > ? ORDER BY path LIMIT ?"
        while page := self._connection.execute(query, (last, PAGE_SIZE)).fetchall():
            yield from (path for (path,) in page)
            (last,) = page[-1]

    def save(self, path: bytes, row: Mapping[str, Any]) -> None:
        """Store the row of a file. Its column `error` names what went wrong, if anything did."""
        self._connection.execute(
            "UPDATE files SET row = ?, error = ? WHERE path = ?", (json.dumps(row), row.get("error"), path)
        )
        if time.monotonic() - self._committed >= COMMIT_SECONDS:
            self._connection.commit()
            self._committed = time.monotonic()

    def rows(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Yield the path and row of each file that has a row."""
        for path, row in self._connection.execute("SELECT path, row FROM files WHERE row IS NOT NULL ORDER BY path"):
            yield path, json.loads(row)

    def error_counts(self) -> Counter[str]:
        """Return the number of files by error."""
        query = "SELECT error, count(*) FROM files WHERE row IS NOT NULL AND error IS NOT NULL GROUP BY error"
        return Counter(dict(self._connection.execute(query).fetchall()))

    def failures(self, limit: int) -> list[tuple[bytes, str]]:
        """Return the path and error of the first `limit` files that have an error."""
        query = "SELECT path, error FROM files WHERE row IS NOT NULL AND error IS NOT NULL ORDER BY path LIMIT ?"
        return self._connection.execute(query, (limit,)).fetchall()

    def _open(self, parameters: Mapping[str, str], restart: bool) -> None:
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("BEGIN EXCLUSIVE")
            self._connection.executescript(DROP_TABLES + SCHEMA if restart else SCHEMA)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise CheckpointError(f"Another run is writing {self.file.name}.") from error
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                raise CheckpointError(f"{self.file.name} holds no partial results.") from error
            raise
        stored = dict(self._connection.execute("SELECT name, value FROM terms").fetchall())
        if changed := sorted(
            name for name in stored.keys() | parameters.keys() if stored and stored.get(name) != parameters.get(name)
        ):
            changes = "; ".join(f"{name} {stored.get(name)}, now {parameters.get(name)}" for name in changed)
            raise CheckpointError(f"The partial results in {self.file.name} were made otherwise: {changes}.")
        self._connection.executemany("INSERT OR IGNORE INTO terms VALUES (?, ?)", parameters.items())
        self._connection.commit()

    def _count(self, query: str) -> int:
        (count,) = self._connection.execute(query).fetchone()
        return int(count)
