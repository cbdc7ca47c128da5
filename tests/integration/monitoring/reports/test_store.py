"""Reports are made once for each wish, in a process of their own; one that fails leaves the last one in place."""

import gzip
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from monitoring.reports import store
from monitoring.tables import drift_reports
from tests.support.server import REPOSITORY

MODULE = "brain-tumor"
COMMAND = ["-m", "imip", "report", "drift", "--module", MODULE, "--out"]


class Reporter:
    """What stands in for the command: writes the page or does what the test wants instead."""

    def __init__(self, page: bytes) -> None:
        self.page = page
        self.fault: Exception | None = None
        self.calls: list[tuple[list[str], dict[str, Any]]] = []

    def __call__(self, command: list[str], **options: Any) -> None:
        self.calls.append((command, options))
        if self.fault is not None:
            raise self.fault
        if self.page:
            Path(command[-1]).write_bytes(self.page)


@pytest.fixture
def reporter(monkeypatch: pytest.MonkeyPatch) -> Reporter:
    stand_in = Reporter(b"<p>first</p>")
    monkeypatch.setattr(subprocess, "run", stand_in)
    return stand_in


def page(database: Engine) -> bytes | None:
    found = store.newest(database, MODULE)
    return None if found is None else gzip.decompress(found[1])


def wishes(database: Engine) -> list[str]:
    with database.connect() as connection:
        wished = select(drift_reports.c.module).where(drift_reports.c.requested_at.is_not(None))
        return list(connection.execute(wished).scalars())


def make(database: Engine) -> None:
    store.wish(database, MODULE)
    store.make_wished(database)


def test_nothing_is_made_that_nobody_wished_for(database: Engine, reporter: Reporter) -> None:
    store.make_wished(database)
    assert reporter.calls == [] and page(database) is None


def test_a_wish_is_fulfilled_once(database: Engine, reporter: Reporter) -> None:
    store.wish(database, MODULE)
    store.wish(database, MODULE)
    assert wishes(database) == [MODULE] and page(database) is None
    begin = datetime.now(UTC)
    store.make_wished(database)
    store.make_wished(database)
    ((command, _),) = reporter.calls
    assert command[:-1] == [sys.executable, *COMMAND]
    assert not Path(command[-1]).exists()
    assert wishes(database) == [] and page(database) == b"<p>first</p>"
    found = store.newest(database, MODULE)
    assert found is not None
    assert begin - timedelta(seconds=1) <= found[0] <= datetime.now(UTC)


def test_a_report_is_as_old_as_the_log_it_was_made_of(
    database: Engine, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments: list[datetime] = []

    def timed(command: list[str], **options: Any) -> None:
        moments.append(datetime.now(UTC))
        reporter(command, **options)

    monkeypatch.setattr(subprocess, "run", timed)
    make(database)
    found = store.newest(database, MODULE)
    assert found is not None and found[0] <= moments[0]


def test_the_same_page_is_the_same_bytes(database: Engine, reporter: Reporter) -> None:
    packed = []
    for _ in range(2):
        make(database)
        found = store.newest(database, MODULE)
        assert found is not None
        packed.append(found[1])
    assert packed[0] == packed[1] == gzip.compress(b"<p>first</p>", mtime=0)


def test_a_newer_one_takes_its_place_which_stays_until_then(database: Engine, reporter: Reporter) -> None:
    make(database)
    reporter.page = b"<p>second</p>"
    store.wish(database, MODULE)
    assert page(database) == b"<p>first</p>"
    store.make_wished(database)
    assert page(database) == b"<p>second</p>"


@pytest.mark.parametrize(
    "fault",
    [
        subprocess.CalledProcessError(1, "imip", stderr=b"sesame"),
        subprocess.TimeoutExpired("imip", 300),
        OSError(12, "sesame"),
        None,  # it ended well and wrote nothing
    ],
)
def test_one_that_fails_leaves_the_last_and_is_tried_again_only_when_wished(
    database: Engine, reporter: Reporter, fault: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    make(database)
    reporter.fault, reporter.page = fault, b""
    with caplog.at_level(logging.ERROR):
        make(database)
        store.make_wished(database)
    assert len(reporter.calls) == 2
    assert page(database) == b"<p>first</p>" and wishes(database) == []
    (line,) = caplog.records
    assert line.name == "imip.report" and line.exc_info is None and "sesame" not in line.getMessage()
    reporter.fault, reporter.page = None, b"<p>second</p>"
    make(database)
    assert page(database) == b"<p>second</p>"


def test_one_that_fails_keeps_none_of_the_others(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_for_others(command: list[str], **_: Any) -> None:
        if MODULE not in command:
            raise OSError(12, "no memory")
        Path(command[-1]).write_bytes(b"<p>made</p>")

    monkeypatch.setattr(subprocess, "run", fails_for_others)
    store.wish(database, "another")
    make(database)
    assert page(database) == b"<p>made</p>" and store.newest(database, "another") is None


def test_its_process_does_not_count_as_a_worker(
    database: Engine, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    make(database)
    ((_, options),) = reporter.calls
    assert options["env"] == {name: os.environ[name] for name in os.environ if name != "PROMETHEUS_MULTIPROC_DIR"}


def test_the_command_runs_in_the_repository(database: Engine, reporter: Reporter) -> None:
    make(database)
    assert Path(reporter.calls[0][1]["cwd"]) == REPOSITORY
