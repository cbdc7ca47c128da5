"""The monitor's loop: run the checks that are due, record what they say, export what is recorded.

Any number of monitors may watch one database. The one that holds the lease computes and does the chores; all export
the newest rows, so that each replica shows the same.
"""

import contextlib
import logging
import os
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from time import monotonic
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from monitoring import metrics
from monitoring.database import migrate
from monitoring.drift import checks
from monitoring.drift.checker import DriftChecker
from monitoring.drift.checks import Check
from monitoring.gauges import show_check
from monitoring.lease import MONITOR, Lease

POLL_SECONDS = 1.0
NICENESS = 19  # the least share of the processors: predictions come first

T = TypeVar("T")

log = logging.getLogger("imip.drift")


class Chore:
    """Something a monitor does from time to time, aside of the checks, which wait for nothing."""

    def __init__(self, work: Callable[[], object], seconds: float) -> None:
        self._work, self._seconds, self._next = work, seconds, 0.0
        self._running: Future[object] | None = None

    def attend(self, aside: ThreadPoolExecutor) -> None:
        """Start it if it is due and not at it still. Raises what it raised when it last ran."""
        if self._running is not None:
            if not self._running.done():
                return
            done, self._running = self._running, None
            done.result()
        if monotonic() >= self._next:
            self._next = monotonic() + self._seconds
            self._running = aside.submit(self._work)


class Monitor:
    """Watches modules until it is stopped."""

    def __init__(
        self,
        engine: Engine,
        checkers: Sequence[DriftChecker],
        exports: Sequence[Chore] = (),
        chores: Sequence[Chore] = (),
        abilities: Sequence[str] = (),
    ) -> None:
        """`exports` are done by every monitor, `chores` by the one that computes.

        `abilities` are leases that it holds meanwhile, so that others know what can be asked of it.
        """
        self._engine, self._checkers, self._exports, self._chores = engine, checkers, exports, chores
        self._shown: dict[str, Check] = {}  # by module
        holder = uuid.uuid4().hex
        self._lease = Lease(engine, MONITOR, holder)
        self._abilities = [Lease(engine, name, holder) for name in abilities]
        self._background = ThreadPoolExecutor(1, "drift", initializer=_step_back)
        self._aside = ThreadPoolExecutor(1, "drift-chores", initializer=_step_back)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drift-monitor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the turn at hand, and let another monitor take over at once."""
        self._stopping.set()
        self._thread.join()
        self._background.shutdown()
        self._aside.shutdown(wait=False, cancel_futures=True)  # a report may take minutes yet

    def _run(self) -> None:
        migrated = failing = False
        while not self._stopping.wait(POLL_SECONDS):
            try:
                if not migrated:
                    migrate(self._engine)
                    migrated = True
                self._turn()
                failing = False
            except Exception as fault:  # noqa: BLE001 (whatever failed, the next turn may succeed, and the metric tells)
                metrics.drift_failures.inc()
                if not failing:
                    log.error("the drift monitor fails", extra={"fields": {"fault": type(fault).__name__}})
                failing = True
        metrics.drift_computing.set(0)
        if migrated:
            with contextlib.suppress(SQLAlchemyError):  # else they expire
                for lease in (self._lease, *self._abilities):
                    lease.release()

    def _turn(self) -> None:
        computes = self._lease.take()
        for ability in self._abilities if computes else ():
            ability.take()
        metrics.drift_computing.set(computes)
        for checker in self._checkers:
            if computes and checker.due():
                check = self._held(self._background.submit(checker.check, "monitor"))
                if check is not None and self._lease.take():
                    checks.keep(self._engine, check)
            self._export(checker)
        for chore in (*self._exports, *(self._chores if computes else ())):
            chore.attend(self._aside)

    def _held(self, work: "Future[T]") -> T:
        """Return what the background does, the lease prolonged meanwhile."""
        while not wait([work], POLL_SECONDS).done:
            self._lease.take()
        return work.result()

    def _export(self, checker: DriftChecker) -> None:
        module = checker.card.module
        check, shown = checks.latest(self._engine, module, checker.card.version), self._shown.get(module)
        if check is not None:
            show_check(check, checker.settings.window, shown)
            self._shown[module] = check


def _step_back() -> None:
    """Run this thread, and those it starts, only while nobody else wants the processors. Linux counts by thread."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
