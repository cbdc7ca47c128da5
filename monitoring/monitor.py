"""The drift monitor: drift checks with their reports, gauges, and retention, each in a thread of its own.

Any number of monitors may work on one database. The one that holds the lease computes: it checks, makes reports and
deletes old rows. All export the newest rows as gauges, so that each replica shows the same.
"""

import contextlib
import logging
import os
import threading
import uuid
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from imip.inference.card import Card
from monitoring import metrics
from monitoring.database import migrate
from monitoring.drift import checks
from monitoring.drift.checker import Comparison, DriftChecker
from monitoring.drift.checks import Check
from monitoring.gauges import show_check, show_log, show_performance
from monitoring.lease import MONITOR, Lease
from monitoring.log.retention import prune
from monitoring.reports import store

POLL_SECONDS = 1.0
GAUGES_SECONDS = 30.0
RETENTION_SECONDS = 600.0
STOP_SECONDS = 10.0  # that a check or a report at hand has to end
NICENESS = 19  # the least share of the processors: predictions come first

Report = Callable[[Card, Comparison], None]  # makes a report and keeps it

log = logging.getLogger("imip.drift")


class Monitor:
    """Checks modules for drift until it is stopped."""

    def __init__(
        self, engine: Engine, checkers: Sequence[DriftChecker], days: float, rows: int, report: Report | None = None
    ) -> None:
        """`days` and `rows`: what retention lets the log hold. Without `report`, none is made."""
        self._engine, self._checkers, self._retention, self._report = engine, checkers, (days, rows), report
        self._exported: dict[str, Check] = {}  # by module
        self._failing: set[str] = set()  # names of work
        self._computing = False
        self._lease = Lease(engine, MONITOR, uuid.uuid4().hex)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drift-monitor", daemon=True)
        self._aside = [
            threading.Thread(target=self._repeat_aside, args=task, name=f"drift-{task[0]}", daemon=True)
            for task in (
                ("checks", self._check_all, POLL_SECONDS),
                ("gauges", self._export_log, GAUGES_SECONDS),
                ("retention", self._prune, RETENTION_SECONDS),
            )
        ]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End, a check at hand soon done with, and let another monitor take over at once."""
        self._stopping.set()
        self._thread.join()
        for thread in self._aside:
            if thread.is_alive():
                thread.join(STOP_SECONDS)
        metrics.drift_computing.set(0)
        with contextlib.suppress(SQLAlchemyError):  # else it expires
            self._lease.release()

    def _run(self) -> None:
        while not self._attempt("schema", lambda: migrate(self._engine)):
            if self._stopping.wait(POLL_SECONDS):
                return
        for thread in self._aside:
            thread.start()
        self._repeat("lease", self._lead, POLL_SECONDS)

    def _repeat_aside(self, name: str, work: Callable[[], None], seconds: float) -> None:
        _lower_priority()
        self._repeat(name, work, seconds)

    def _repeat(self, name: str, work: Callable[[], None], seconds: float) -> None:
        while not self._stopping.is_set():
            self._attempt(name, work)
            self._stopping.wait(seconds)

    def _attempt(self, name: str, work: Callable[[], None]) -> bool:
        """Do some work and return whether it succeeded. Each failure is counted, the first in a row is logged."""
        try:
            work()
        except Exception as fault:  # noqa: BLE001 (whatever failed, the next time it may succeed, and the metric shows it)
            metrics.drift_failures.inc()
            if name not in self._failing:
                log.error("the drift monitor fails", extra={"fields": {"at": name, "fault": type(fault).__name__}})
            self._failing.add(name)
            return False
        self._failing.discard(name)
        return True

    def _computes(self) -> bool:
        return not self._stopping.is_set() and self._lease.take()

    def _lead(self) -> None:
        """Take or prolong the lease, also while a check takes long, and export the newest checks."""
        self._computing = self._computes()
        metrics.drift_computing.set(self._computing)
        for checker in self._checkers:
            module = checker.card.module
            check = checks.latest(self._engine, module, checker.card.version)
            if check is not None:
                show_check(check, checker.settings.window, self._exported.get(module))
                self._exported[module] = check

    def _check_all(self) -> None:
        for checker in self._checkers:
            if self._computing and checker.due():
                self._check(checker)

    def _check(self, checker: DriftChecker) -> None:
        before = checks.latest(self._engine, checker.card.module, checker.card.version)
        comparison = checker.compare("monitor")
        if comparison is None or not self._computes():
            return
        checks.keep(self._engine, comparison.check)
        if self._report is not None and store.is_due(self._engine, comparison.check, before):
            self._attempt("report", partial(self._report, checker.card, comparison))

    def _export_log(self) -> None:
        show_log(self._engine, *self._retention)
        show_performance(self._engine, [checker.card for checker in self._checkers])

    def _prune(self) -> None:
        if self._computes():
            prune(self._engine, *self._retention)


def _lower_priority() -> None:
    """Run this thread, and those it starts, only while nobody else wants the processors. Linux counts by thread."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
