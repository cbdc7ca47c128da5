"""The log's writing end: what is answered is kept, and while the database is gone nothing is lost or invented."""

import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Engine, RowMapping, func, insert, select

from imip.errors import LogUnavailable
from imip.prediction import Prediction
from monitoring.database import connect, migrate
from monitoring.log.journal import Journal
from monitoring.log.rows import read_embedding, to_row
from monitoring.log.writer import PredictionLog
from monitoring.tables import predictions
from tests.support.logged import answered
from tests.support.postgres import Postgres
from tests.support.server import REPOSITORY, free_port, wait_for

SOON = 20.0  # seconds
ROOM = 1_000  # rows of a journal
SPOOL_AND_DIE = """
import os, signal, sys
from pathlib import Path
from monitoring.database import connect
from monitoring.log.journal import Journal
from monitoring.log.writer import PredictionLog
from tests.support.logged import answered
log = PredictionLog(connect(sys.argv[1]), Journal(Path(sys.argv[2]), 1000))
for future in [log.add(answered(request_id)) for request_id in sys.argv[3:]]:
    future.result(20)
os.kill(os.getpid(), signal.SIGKILL)
"""


def rows(engine: Engine) -> list[RowMapping]:
    with engine.execution_options(reading=True).connect() as connection:
        return list(connection.execute(select(predictions).order_by(predictions.c.id)).mappings())


def kept(engine: Engine) -> list[str]:
    return sorted(row["request_id"] for row in rows(engine))


@contextmanager
def writing(engine: Engine, journal: Journal | None = None) -> Iterator[PredictionLog]:
    log = PredictionLog(engine, journal)
    try:
        yield log
    finally:
        log.close()


def add(log: PredictionLog, number: int = 1) -> list[str]:
    """Log predictions, waiting for each; return their request ids."""
    ids = [uuid4().hex for _ in range(number)]
    for request_id in ids:
        log.add(answered(request_id)).result(SOON)
    return ids


def refused(log: PredictionLog) -> bool:
    try:
        add(log)
    except LogUnavailable:
        return True
    return False


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def url(postgres: Postgres) -> str:
    """Of a database on a server that may be stopped."""
    return postgres.database()


@pytest.fixture
def remote(url: str) -> Iterator[Engine]:
    engine = connect(url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite3", ROOM)
    yield opened
    opened.close()


def test_a_prediction_is_in_the_database_when_its_future_is_done(database: Engine) -> None:
    with writing(database) as log:
        for _ in range(5):
            (request_id,) = add(log)
            assert request_id in kept(database)


def test_what_is_logged_comes_back(database: Engine) -> None:
    wanted = answered()
    with writing(database) as log:
        log.add(wanted).result(SOON)
    (row,) = rows(database)
    assert (row["request_id"], row["at"], row["module"]) == (wanted.request_id, wanted.at, "brain-tumor")
    assert (row["version"], row["format"], row["label"]) == ("1", "dicom", "Tumor")
    assert (row["confidence"], row["decision"]) == (0.875, "confident")
    assert row["probabilities"] == wanted.probabilities
    assert row["warnings"] == ["out_of_distribution"]
    assert row["attributes"] == wanted.attributes
    assert row["seconds"] == {"decode": 0.012346, "infer": 0.25}
    assert row["features"] == pytest.approx(wanted.features, rel=1e-5)
    embedding = read_embedding(row["embedding"])
    assert (embedding.shape, embedding.dtype) == ((7,), np.float32)
    np.testing.assert_allclose(embedding, wanted.embedding, rtol=2**-10)


def test_what_is_not_finite_is_left_out(database: Engine) -> None:
    odd = replace(answered(), features={"sharpness": math.nan, "noise_ratio": math.inf, "symmetry": 0.5})
    with writing(database) as log:
        log.add(odd).result(SOON)
        assert log.available
    assert rows(database)[0]["features"] == {"symmetry": 0.5}


def test_predictions_of_many_threads_are_all_there_and_share_commits(database: Engine) -> None:
    commits, written = sample("imip_log_commit_rows_count"), sample("imip_log_commit_rows_sum")
    ids = [uuid4().hex for _ in range(1200)]
    with writing(database) as log, ThreadPoolExecutor(12) as threads:
        futures = list(threads.map(lambda request_id: log.add(answered(request_id)), ids))
        for future in futures:
            future.result(SOON)
        assert kept(database) == sorted(ids)
    assert sample("imip_log_commit_rows_sum") - written == len(ids)
    assert sample("imip_log_commit_rows_count") - commits < len(ids) / 2


@pytest.fixture
def busy(database: Engine) -> Iterator[tuple[PredictionLog, threading.Event]]:
    """A log whose writer is held up until the event is set."""
    log, go_on = PredictionLog(database), threading.Event()
    commit, held_up = log._commit, threading.Event()

    def slow(batch: list[Prediction]) -> None:
        held_up.set()
        go_on.wait(SOON)
        commit(batch)

    log._commit = slow  # type: ignore[method-assign]
    log.add(answered())
    assert held_up.wait(SOON)
    yield log, go_on
    go_on.set()
    log.close()


def test_a_request_that_was_given_up_neither_blocks_nor_breaks(
    database: Engine, busy: tuple[PredictionLog, threading.Event]
) -> None:
    log, go_on = busy
    given_up, waited_for = answered(), answered()
    futures = [log.add(given_up), log.add(waited_for), log.add(given_up)]
    assert futures[0].cancel()
    assert futures[2].cancel()
    go_on.set()
    futures[1].result(SOON)
    add(log)
    assert given_up.request_id not in kept(database)
    assert waited_for.request_id in kept(database)
    assert len(kept(database)) == 3


def test_closing_commits_what_waits(database: Engine, busy: tuple[PredictionLog, threading.Event]) -> None:
    log, go_on = busy
    futures = [log.add(answered()) for _ in range(600)]
    closing = threading.Thread(target=log.close)
    closing.start()
    go_on.set()
    closing.join(SOON)
    assert not closing.is_alive()
    assert [future.exception(0) for future in futures] == [None] * 600
    assert len(rows(database)) == 601


def test_a_prediction_that_cannot_be_described_harms_no_other(database: Engine) -> None:
    with writing(database) as log:
        broken = log.add(replace(answered(), embedding=None))  # type: ignore[arg-type]
        assert isinstance(broken.exception(SOON), AttributeError)
        (request_id,) = add(log)
    assert kept(database) == [request_id]


def test_while_the_database_is_gone_predictions_are_refused(postgres: Postgres, remote: Engine) -> None:
    failures, not_kept = sample("imip_log_failures_total"), sample("imip_log_rows_total", outcome="refused")
    with writing(remote) as log:
        before = add(log)
        with postgres.gone():
            futures = [log.add(answered()) for _ in range(3)]
            for future in futures:
                with pytest.raises(LogUnavailable, match="try again later"):
                    future.result(SOON)
            assert not log.available
            assert sample("imip_log_available", backend="postgresql") == 0
            assert sample("imip_log_failures_total") > failures
            assert sample("imip_log_rows_total", outcome="refused") - not_kept == 3
        wait_for(lambda: log.available, SOON)
        assert sample("imip_log_available", backend="postgresql") == 1
        after = add(log)
    assert kept(remote) == sorted(before + after)


def test_while_the_database_is_gone_predictions_are_spooled(
    postgres: Postgres, remote: Engine, journal: Journal
) -> None:
    with writing(remote, journal) as log:
        ids = add(log)
        with postgres.gone():
            ids += add(log, 5)
            assert log.available
            assert len(journal) == 5
            wait_for(lambda: sample("imip_log_journal_rows") == 5, SOON)
        ids += add(log, 2)
        wait_for(lambda: len(journal) == 0, SOON)
        wait_for(lambda: sample("imip_log_journal_rows") == 0, SOON)
        assert kept(remote) == sorted(ids)
        direct, spooled = (
            {name: value for name, value in row.items() if name not in ("id", "request_id")}
            for wanted in ids[:2]
            for row in rows(remote)
            if row["request_id"] == wanted
        )
        assert spooled == direct


def test_a_prediction_whose_commit_went_unheard_is_kept_once(remote: Engine, journal: Journal) -> None:
    both, journal_only = answered(), answered()
    with remote.begin() as connection:
        connection.execute(insert(predictions), [to_row(both)])
    journal.append([to_row(both), to_row(journal_only)])
    with writing(remote, journal):
        wait_for(lambda: len(journal) == 0, SOON)
    assert kept(remote) == sorted([both.request_id, journal_only.request_id])


def test_a_full_journal_refuses(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite3", 3)
    with writing(connect(nowhere()), journal) as log:
        ids = add(log, 3)
        with pytest.raises(LogUnavailable):
            add(log)
        assert len(journal) == 3
    with writing(connect(f"sqlite:///{tmp_path / 'predictions.sqlite3'}"), journal) as log:
        wait_for(lambda: len(journal) == 0, SOON)
        ids += add(log)
    assert kept(connect(f"sqlite:///{tmp_path / 'predictions.sqlite3'}")) == sorted(ids)
    journal.close()


def test_a_journal_of_a_killed_process_is_replayed_by_the_next(database: Engine, tmp_path: Path) -> None:
    ids = [uuid4().hex for _ in range(4)]
    died = subprocess.run(
        [sys.executable, "-c", SPOOL_AND_DIE, nowhere(), str(tmp_path / "journal.sqlite3"), *ids],
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'tests'}"},
        capture_output=True,
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    journal = Journal(tmp_path / "journal.sqlite3", ROOM)
    assert len(journal) == 4
    with writing(database, journal):
        wait_for(lambda: len(journal) == 0, SOON)
    assert kept(database) == sorted(ids)
    journal.close()


def test_several_workers_share_one_journal(postgres: Postgres, url: str, tmp_path: Path) -> None:
    workers = [(connect(url), Journal(tmp_path / "journal.sqlite3", ROOM)) for _ in range(3)]
    logs = [PredictionLog(engine, journal) for engine, journal in workers]
    ids: list[str] = []
    with postgres.gone(), ThreadPoolExecutor(len(logs)) as threads:
        for added in threads.map(lambda log: add(log, 20), logs):
            ids += added
    wait_for(lambda: all(len(journal) == 0 for _, journal in workers), SOON)
    for log in logs:
        log.close()
    assert kept(workers[0][0]) == sorted(ids)
    with workers[0][0].connect() as connection:
        assert connection.execute(select(func.count()).select_from(predictions)).scalar_one() == 60
    for engine, journal in workers:
        engine.dispose()
        journal.close()


def test_a_database_that_is_absent_at_start_is_taken_up_later(postgres: Postgres, url: str) -> None:
    engine = connect(url)
    with postgres.gone():
        log = PredictionLog(engine)
        assert not log.available
        assert refused(log)
    wait_for(lambda: log.available, SOON)
    (request_id,) = add(log)
    log.close()
    assert kept(engine) == [request_id]
    engine.dispose()


def test_closing_during_an_outage_refuses_what_waits_and_ends() -> None:
    log = PredictionLog(connect(nowhere()))
    futures: list[Future[None]] = [log.add(answered()) for _ in range(3)]
    log.close()
    assert [type(future.exception(0)) for future in futures] == [LogUnavailable] * 3


def nowhere() -> str:
    """The URL of a database that does not answer."""
    return f"postgresql://imip@127.0.0.1:{free_port()}/log"
