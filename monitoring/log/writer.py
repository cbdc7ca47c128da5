"""The writer of the prediction log: many predictions, one transaction, and nothing acknowledged before its commit.

Each API worker has one writer thread. It takes whatever waits, commits it at once and only then lets the answers
leave, so that under load the cost of a commit is shared (group commit, as databases do it themselves: Helland et al.
1987, "Group commit timers and high volume transaction systems"). While the database is unreachable, predictions
are refused or spooled to a journal, by setting.
"""

import asyncio
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from time import perf_counter

from alembic.util import CommandError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from imip.errors import LogUnavailable
from imip.prediction import Prediction
from imip.settings import Settings
from monitoring import metrics
from monitoring.database import connect, migrate
from monitoring.lease import Lease
from monitoring.log.journal import Journal, JournalFull
from monitoring.log.rows import insert, to_row

BATCH = 256  # rows of one transaction at most
PROBE = "log-probe"
PROBE_SECONDS = 1.0  # between checks whether a lost database is back, or the journal holds something

Waiting = tuple[Prediction, "Future[None]"]

log = logging.getLogger("imip.log")


class PredictionLog:
    """Takes the predictions of one worker."""

    def __init__(self, engine: Engine, journal: Journal | None = None, spools: bool = True) -> None:
        """`journal`: what waits there is replayed. `spools`: predictions go there while the database is unreachable;
        without it, or without a journal, they are refused.
        """
        self.engine, self._journal, self._spools = engine, journal, spools and journal is not None
        self._full = False  # the journal
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._up = False
        if journal is None:
            metrics.log_journal_rows.set(0)
        for outcome in ("written", "spooled", "refused"):
            metrics.log_rows.labels(outcome)  # from zero on, so that the first of a kind counts as an increase
        self._closing = threading.Event()
        try:
            self._open()
        except (SQLAlchemyError, CommandError) as fault:
            self._lost(fault)
        self._threads = [
            threading.Thread(target=work, name=f"prediction-log-{work.__name__}", daemon=True)
            for work in (self._write, self._recover)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def available(self) -> bool:
        """Whether a prediction made now can be expected to find its place."""
        return self._up or (self._spools and not self._full)

    @classmethod
    def open(cls, settings: Settings) -> "PredictionLog":
        """Return the log of these settings. What an earlier server spooled is replayed, even if this one does not."""
        spools = settings.log_outage == "spool"
        file = settings.data_folder.expanduser() / "journal.sqlite3"
        journal = Journal(file, settings.journal_rows) if spools or file.exists() else None
        return cls(connect(settings.database), journal, spools)

    def add(self, prediction: Prediction) -> "Future[None]":
        """Hand a prediction over. The future is done once it is committed, or raises LogUnavailable."""
        future: Future[None] = Future()
        self._queue.put((prediction, future))
        return future

    async def keep(self, prediction: Prediction) -> None:
        """Return once a prediction is committed. Raises LogUnavailable if it cannot be."""
        await asyncio.wrap_future(self.add(prediction))

    def close(self) -> None:
        """Commit what waits, and end."""
        self._closing.set()
        self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        while (first := self._queue.get()) is not None:
            # Nobody waits any more where a request was given up.
            batch = [one for one in (first, *self._more()) if one[1].set_running_or_notify_cancel()]
            if not batch:
                continue
            try:
                self._commit([prediction for prediction, _ in batch])
            except Exception as fault:  # noqa: BLE001 (whatever it is, who waits must hear of it, and the next is served)
                for _, future in batch:
                    future.set_exception(fault)
            else:
                for _, future in batch:
                    future.set_result(None)

    def _more(self) -> Iterator[Waiting]:
        """Yield what waits already, as far as it fits into one batch."""
        for _ in range(BATCH - 1):
            try:
                item = self._queue.get_nowait()
            except Empty:
                return
            if item is None:
                return self._queue.put(None)  # the end, to be found again after this batch
            yield item

    def _commit(self, predictions: list[Prediction]) -> None:
        rows = list(map(to_row, predictions))
        if self._up:
            start = perf_counter()
            try:
                insert(self.engine, rows)
            except SQLAlchemyError as fault:
                self._lost(fault)
            else:
                metrics.log_commit_duration.observe(perf_counter() - start)
                metrics.log_commit_rows.observe(len(rows))
                metrics.log_rows.labels("written").inc(len(rows))
                return
        self._spool(rows)

    def _spool(self, rows: list[dict[str, object]]) -> None:
        """Keep rows in the journal. Raises LogUnavailable if there is none, or it is full, or fails too."""
        try:
            if self._journal is None or not self._spools:
                raise LogUnavailable("The prediction log cannot be written; try again later.")
            self._journal.append(rows)
        except (SQLAlchemyError, JournalFull, LogUnavailable) as fault:
            self._full = isinstance(fault, JournalFull)
            metrics.log_rows.labels("refused").inc(len(rows))
            raise LogUnavailable("The prediction log cannot be written; try again later.") from fault
        metrics.log_rows.labels("spooled").inc(len(rows))

    def _lost(self, fault: Exception) -> None:
        self._up = False
        metrics.log_failures.inc()
        metrics.log_available.labels(self.engine.dialect.name).set(0)
        kind = type(getattr(fault, "orig", fault)).__name__
        log.error("the prediction log cannot be written", extra={"fields": {"fault": kind}})

    def _recover(self) -> None:
        """Check whether a lost database is back, and move to it what waits in the journal."""
        while not self._closing.wait(PROBE_SECONDS):
            try:
                if self._journal is not None:
                    metrics.log_journal_rows.set(len(self._journal))
                if not self._up:
                    self._open()
                    log.info("the prediction log can be written again")
                if self._journal is not None:
                    self._replay(self._journal)
            except Exception:  # noqa: BLE001 (it was logged when the log was lost, and may be over next time)
                continue

    def _replay(self, journal: Journal) -> None:
        while self._up and journal.replay(self.engine):
            self._full = False
        metrics.log_journal_rows.set(len(journal))

    def _open(self) -> None:
        migrate(self.engine)
        Lease(self.engine, PROBE, "any").take()  # a write that is committed: a full disk lets all else pass
        self._up = True
        metrics.log_available.labels(self.engine.dialect.name).set(1)
