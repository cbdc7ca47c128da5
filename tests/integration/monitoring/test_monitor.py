"""Of several monitors on one log one computes, all show the same, and none gives up at a failure."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Engine, func, select

from imip.inference.card import Card
from imip.settings import DriftSettings
from monitoring import lease
from monitoring import monitor as monitoring
from monitoring.database import connect
from monitoring.drift import checks
from monitoring.drift.checker import Comparison, DriftChecker
from monitoring.drift.checks import Check
from monitoring.lease import MONITOR, Lease, is_held
from monitoring.monitor import Monitor
from monitoring.tables import drift_checks, leases
from tests.support.drift import CHECK, card
from tests.support.logged import AT
from tests.support.metrics import gauge
from tests.support.server import REPOSITORY, wait_for

SOON = 30.0  # seconds, on a busy machine
NUMBERS = count(1)
KEEP_ALL = (36500.0, 1_000_000)  # days and rows
BESIDE_A_WORKER = """
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector
from imip.settings import Settings
from serving import model_store
from serving import drift_monitor
settings = Settings()
drift_monitor.monitor(settings, model_store.pinned(settings))
registry = CollectorRegistry()
MultiProcessCollector(registry)
print([sample for family in registry.collect() for sample in family.samples if sample.name == "imip_log_available"])
"""


class FakeChecker:
    """A module whose next check is due when the test says so."""

    def __init__(self, module: str) -> None:
        self.card, self.settings = card(module), DriftSettings(window=50)
        self.wanted = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.fault: Exception | None = None
        self.nothing = False
        self.checks = 0
        self.threads: set[str] = set()
        self.look: Callable[[], object] = lambda: None

    def due(self) -> bool:
        return self.wanted.is_set()

    def compare(self, trigger: checks.Trigger) -> Comparison | None:
        self.wanted.clear()
        self.threads.add(threading.current_thread().name)
        self.checks += 1
        self.look()
        assert self.go_on.wait(SOON)
        if self.fault is not None:
            raise self.fault
        if self.nothing:
            return None
        check = replace(
            CHECK, module=self.card.module, version=self.card.version, at=AT + timedelta(hours=self.checks),
            last_prediction=next(NUMBERS), trigger=trigger, window_size=self.checks,
        )  # fmt: skip
        return Comparison(check, *cast("Any", (None, None)))


Start = Callable[..., Monitor]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "POLL_SECONDS", 0.05)


@pytest.fixture
def checker() -> FakeChecker:
    """Of a module that no other test shows anything of."""
    return FakeChecker(f"monitored-{next(NUMBERS)}")


@pytest.fixture
def start(database: Engine) -> Iterator[Start]:
    """Start monitors of the log; all end with the test."""
    running: list[Monitor] = []

    def started(*checkers: FakeChecker, **work: Any) -> Monitor:
        monitor = Monitor(database, cast("list[DriftChecker]", checkers), *KEEP_ALL, **work)
        running.append(monitor)
        monitor.start()
        return monitor

    yield started
    for monitor in running:
        monitor.stop()


def failures() -> float:
    return REGISTRY.get_sample_value("imip_drift_failures_total") or 0.0


def kept(database: Engine) -> int:
    with database.execution_options(reading=True).connect() as connection:
        return int(connection.execute(select(func.count()).select_from(drift_checks)).scalar_one())


def expires(database: Engine) -> float:
    with database.execution_options(reading=True).connect() as connection:
        return float(connection.execute(select(leases.c.expires)).scalar_one())


def shown(checker: FakeChecker) -> float | None:
    """The number of the check that the gauges show."""
    fill = gauge("drift_window_fill_ratio", module=checker.card.module)
    return None if fill is None else round(fill * checker.settings.window)


def has_lease(database: Engine) -> Callable[[], bool]:
    return lambda: is_held(database, MONITOR)


def test_a_check_that_is_due_is_made_kept_and_shown(database: Engine, start: Start, checker: FakeChecker) -> None:
    start(checker)
    wait_for(has_lease(database), SOON)
    assert shown(checker) is None
    checker.wanted.set()
    wait_for(lambda: shown(checker) == 1, SOON)
    check = checks.latest(database, checker.card.module, checker.card.version)
    assert check is not None and (check.trigger, check.window_size) == ("monitor", 1)
    assert gauge("drift_computing") == 1
    assert all(name.startswith("drift") for name in checker.threads)


def test_it_makes_the_log_it_watches(tmp_path_factory: pytest.TempPathFactory, checker: FakeChecker) -> None:
    engine = connect(f"sqlite:///{tmp_path_factory.mktemp('new') / 'predictions.sqlite3'}")
    monitor = Monitor(engine, cast("list[DriftChecker]", [checker]), *KEEP_ALL)
    monitor.start()
    checker.wanted.set()
    wait_for(lambda: shown(checker) == 1, SOON)
    monitor.stop()
    engine.dispose()


def test_no_check_is_kept_where_there_is_nothing_to_say(database: Engine, start: Start, checker: FakeChecker) -> None:
    checker.nothing = True
    checker.wanted.set()
    start(checker)
    wait_for(lambda: checker.checks == 1, SOON)
    checker.nothing = False
    checker.wanted.set()
    wait_for(lambda: shown(checker) == 2, SOON)
    assert kept(database) == 1


def test_of_two_monitors_one_computes_and_the_other_shows_the_same(
    database: Engine, start: Start, checker: FakeChecker
) -> None:
    second = FakeChecker(checker.card.module)
    second.settings = DriftSettings(window=25)  # so that the gauges show which monitor wrote them
    start(checker)
    wait_for(has_lease(database), SOON)
    start(second)
    second.wanted.set()
    checker.wanted.set()
    wait_for(lambda: kept(database) == 1, SOON)
    fills: set[float | None] = set()

    def both_shown() -> bool:
        fills.add(gauge("drift_window_fill_ratio", module=checker.card.module))
        return {1 / 50, 1 / 25} <= fills

    wait_for(both_shown, SOON)
    assert (checker.checks, second.checks) == (1, 0)


def test_another_takes_over_at_once_when_the_first_is_stopped(
    database: Engine, start: Start, checker: FakeChecker
) -> None:
    second = FakeChecker(checker.card.module)
    first = start(checker)
    wait_for(has_lease(database), SOON)
    start(second)
    first.stop()
    second.wanted.set()
    wait_for(lambda: second.checks == 1, lease.SECONDS / 2)


def test_another_takes_over_when_the_first_has_died(
    database: Engine, start: Start, checker: FakeChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "SECONDS", 1.0)
    assert Lease(database, MONITOR, "d" * 32).take()
    checker.wanted.set()
    start(checker)
    wait_for(lambda: checker.checks == 1, SOON)


def test_the_lease_is_prolonged_while_a_check_takes_long(database: Engine, start: Start, checker: FakeChecker) -> None:
    checker.go_on.clear()
    checker.wanted.set()
    start(checker)
    wait_for(lambda: checker.checks == 1, SOON)
    before = expires(database)
    wait_for(lambda: expires(database) > before + 0.5, SOON)
    assert not Lease(database, MONITOR, "r" * 32).take()
    assert kept(database) == 0
    checker.go_on.set()
    wait_for(lambda: shown(checker) == 1, SOON)


def test_a_check_whose_lease_was_lost_meanwhile_is_not_kept(
    database: Engine, start: Start, checker: FakeChecker
) -> None:
    checker.go_on.clear()
    checker.wanted.set()
    start(checker)
    wait_for(lambda: checker.checks == 1, SOON)
    with database.begin() as connection:
        connection.execute(leases.update().values(holder="r" * 32, expires=2e10))
    checker.go_on.set()
    wait_for(lambda: gauge("drift_computing") == 0, SOON)
    assert kept(database) == 0


def test_a_check_that_fails_is_counted_and_named_and_the_next_one_works(
    database: Engine, start: Start, checker: FakeChecker, caplog: pytest.LogCaptureFixture
) -> None:
    before = failures()
    checker.fault = ZeroDivisionError("sesame")
    checker.wanted.set()
    with caplog.at_level(logging.ERROR):
        start(checker)
        wait_for(lambda: failures() == before + 1, SOON)
    checker.fault = None
    checker.wanted.set()
    wait_for(lambda: shown(checker) == 2, SOON)
    (line,) = [record for record in caplog.records if record.name == "imip.drift"]
    assert vars(line)["fields"] == {"at": "checks", "fault": "ZeroDivisionError"}
    assert line.exc_info is None and "sesame" not in caplog.text
    assert failures() == before + 1


def test_a_database_that_is_gone_for_a_while_ends_nothing(
    database: Engine, start: Start, checker: FakeChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = failures()
    start(checker)
    wait_for(has_lease(database), SOON)
    gone = threading.Event()
    latest = checks.latest

    def sometimes(engine: Engine, module: str, version: str) -> Check | None:
        if gone.is_set():
            raise ConnectionError
        return latest(engine, module, version)

    monkeypatch.setattr(checks, "latest", sometimes)
    gone.set()
    wait_for(lambda: failures() >= before + 2, SOON)
    gone.clear()
    checker.wanted.set()
    wait_for(lambda: shown(checker) == 1, SOON)


def test_stopping_ends_it_and_its_threads(database: Engine, start: Start, checker: FakeChecker) -> None:
    others = set(threading.enumerate())
    checker.wanted.set()
    monitor = start(checker)
    wait_for(lambda: shown(checker) == 1, SOON)
    monitor.stop()
    checker.wanted.set()
    assert set(threading.enumerate()) <= others
    assert not is_held(database, MONITOR) and gauge("drift_computing") == 0
    assert checker.checks == 1


def test_it_stops_quietly_while_the_database_is_gone(
    database: Engine, start: Start, checker: FakeChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes: list[object] = []
    monkeypatch.setattr(threading, "excepthook", crashes.append)
    monitor = start(checker)
    wait_for(has_lease(database), SOON)
    with database.begin() as connection:
        leases.drop(connection)
    monitor.stop()
    assert crashes == []


def test_retention_is_kept_by_the_one_that_computes_and_gauges_are_set_by_all(
    database: Engine, start: Start, checker: FakeChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "GAUGES_SECONDS", 0.05)
    monkeypatch.setattr(monitoring, "RETENTION_SECONDS", 0.05)
    pruned: set[str] = set()
    exported: list[Engine] = []
    monkeypatch.setattr(monitoring, "prune", lambda *_: pruned.add(threading.current_thread().name))
    monkeypatch.setattr(monitoring, "show_log", lambda engine, *_: exported.append(engine))
    other = Lease(database, MONITOR, "o" * 32)
    assert other.take()
    start(checker)
    wait_for(lambda: len(exported) > 5, SOON)
    assert pruned == set()
    other.release()
    wait_for(lambda: pruned == {"drift-retention"}, SOON)


def test_each_kind_of_work_fails_by_itself(
    database: Engine,
    start: Start,
    checker: FakeChecker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before, tried, pruned = failures(), count(), threading.Event()

    def fail(*_: object) -> None:
        next(tried)
        raise ConnectionError("sesame")

    monkeypatch.setattr(monitoring, "show_log", fail)
    monkeypatch.setattr(monitoring, "prune", lambda *_: pruned.set())
    with caplog.at_level(logging.ERROR):
        start(checker)
        wait_for(pruned.is_set, SOON)
        checker.wanted.set()
        wait_for(lambda: shown(checker) == 1, SOON)
    assert next(tried) == 1 and failures() == before + 1  # not again before its time
    assert "sesame" not in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is the process's")
def test_checks_have_the_lowest_priority_and_the_rest_has_not(
    database: Engine, start: Start, checker: FakeChecker
) -> None:
    seen: list[int] = []
    checker.look = lambda: seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    checker.wanted.set()
    start(checker)
    wait_for(lambda: len(seen) == 1, SOON)
    assert seen == [monitoring.NICENESS]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < monitoring.NICENESS


class Reporter:
    """Stands in for what makes reports."""

    def __init__(self) -> None:
        self.made: list[tuple[str, Comparison]] = []
        self.fault: Exception | None = None

    def __call__(self, card: Card, comparison: Comparison) -> None:
        self.made.append((card.module, comparison))
        if self.fault is not None:
            raise self.fault


def test_a_report_is_made_of_the_check_that_calls_for_it_and_of_no_other(
    database: Engine, start: Start, checker: FakeChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    due: list[tuple[Check, Check | None]] = []

    def is_due(_: Engine, check: Check, before: Check | None) -> bool:
        due.append((check, before))
        return before is None

    monkeypatch.setattr(monitoring.store, "is_due", is_due)
    reporter = Reporter()
    start(checker, report=reporter)
    for number in (1, 2):
        checker.wanted.set()
        wait_for(lambda: len(due) == number, SOON)  # noqa: B023
    assert [(check.window_size, before and before.window_size) for check, before in due] == [(1, None), (2, 1)]
    ((module, comparison),) = reporter.made
    assert (module, comparison.check.window_size) == (checker.card.module, 1)
    assert checks.latest(database, module, checker.card.version) == due[1][0]


def test_a_report_that_fails_is_counted_and_stops_no_check(
    database: Engine, start: Start, checker: FakeChecker, caplog: pytest.LogCaptureFixture
) -> None:
    before, reporter = failures(), Reporter()
    reporter.fault = RuntimeError("sesame")
    with caplog.at_level(logging.ERROR):
        start(checker, report=reporter)
        for number in (1, 2):
            checker.wanted.set()
            wait_for(lambda: shown(checker) == number, SOON)  # noqa: B023
        wait_for(lambda: failures() == before + 2, SOON)  # there is none yet, so that each check calls for one
    (line,) = [record for record in caplog.records if record.name == "imip.drift"]
    assert vars(line)["fields"] == {"at": "report", "fault": "RuntimeError"}
    assert line.exc_info is None and "sesame" not in caplog.text
    assert kept(database) == 2


def test_what_is_shown_is_the_newest_check_whoever_made_it(
    database: Engine, start: Start, checker: FakeChecker
) -> None:
    start(checker)
    wait_for(has_lease(database), SOON)
    now = datetime.now(UTC)
    checks.keep(
        database, replace(CHECK, module=checker.card.module, version=checker.card.version, at=now, window_size=33)
    )
    wait_for(lambda: shown(checker) == 33, SOON)


def test_a_servers_monitor_does_not_count_as_a_worker_whose_log_is_gone(tmp_path: Path) -> None:
    folders = {"IMIP_DATA_FOLDER": "data", "BENTOML_HOME": "bentoml", "PROMETHEUS_MULTIPROC_DIR": "metrics"}
    (tmp_path / "metrics").mkdir()
    environment = os.environ | {name: str(tmp_path / folder) for name, folder in folders.items()}
    ended = subprocess.run(
        [sys.executable, "-c", BESIDE_A_WORKER], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert ended.stdout == "[]\n", ended.stderr
