"""Promise 4: every answered prediction is in the log, whatever is killed or goes away meanwhile."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import select

from monitoring.database import connect
from monitoring.tables import predictions
from tests.support.postgres import Postgres
from tests.support.server import Server, kill, problem, running, wait_for

SQLITE = "home/.imip/predictions.sqlite3"  # below the server's folder


def logged(url: str) -> list[str]:
    engine = connect(url)
    with engine.execution_options(reading=True).connect() as connection:
        ids = list(connection.execute(select(predictions.c.request_id)).scalars())
    engine.dispose()
    return ids


@contextmanager
def clients(server: Server, scan: bytes, number: int = 4) -> Iterator[list[str]]:
    """Clients that send without a pause and keep the request ids of the answers they got."""
    answered: list[str] = []
    over = threading.Event()

    def client() -> None:
        while not over.is_set():
            with suppress(httpx.TransportError, psutil.NoSuchProcess), server.client() as http:
                response = http.post("/predict", files={"file": scan})
                if response.status_code == 200:
                    answered.append(response.json()["request_id"])

    threads = [threading.Thread(target=client) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_workers_that_share_a_new_database_lose_no_answer_when_they_are_killed(
    tmp_path: Path, database_url: str, head: bytes
) -> None:
    with running(tmp_path, IMIP_WORKERS="3", IMIP_DATABASE_URL=database_url) as server:
        wait_for(lambda: len(server.workers()) == 3)
        wait_for(lambda: server.value("imip_workers_ready") == 3, 30)
        assert server.value("imip_log_failures_total") == 0  # though all made its tables at once
        with clients(server, head) as answered:
            for _ in range(2):
                before = len(answered)
                wait_for(lambda before=before: len(answered) > before + 20, 60)
                kill(server.workers()[0])
            before = len(answered)
            wait_for(lambda: len(answered) > before + 20, 60)  # it goes on
        ids = logged(database_url)
        assert len(answered) > 60
        assert set(answered) <= set(ids)
        assert len(ids) == len(set(ids))


def test_a_whole_server_killed_under_load_loses_no_answer(tmp_path: Path, head: bytes) -> None:
    with running(tmp_path, IMIP_WORKERS="2") as server, clients(server, head) as answered:
        wait_for(lambda: len(answered) > 40, 60)
        for process in server.processes():  # its head first, which would start others anew
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
    assert set(answered) <= set(logged(f"sqlite:///{tmp_path / SQLITE}"))


def test_without_its_database_a_server_refuses_and_comes_back(tmp_path: Path, postgres: Postgres, head: bytes) -> None:
    url = postgres.database()
    with running(tmp_path, IMIP_WORKERS="1", IMIP_DATABASE_URL=url) as server:
        first = server.http.post("/predict", files={"file": head}).json()["request_id"]
        with postgres.gone():
            for route in ("/predict", "/heatmap"):
                response = server.http.post(route, files={"file": head})
                assert problem(response, 503)["type"] == "urn:imip:problem:log-unavailable"
                assert int(response.headers["retry-after"]) >= 1
            problem(server.http.get("/readyz"), 503)
            problem(server.http.get("/predictions"), 503)
            problem(server.http.get("/drift"), 503)
            assert server.http.get("/livez").status_code == 200
            assert server.value("imip_log_available") == 0
            assert server.value("imip_log_failures_total") == 1
        wait_for(lambda: server.http.get("/readyz").status_code == 200)
        second = server.http.post("/predict", files={"file": head}).json()["request_id"]
        assert server.value("imip_log_available") == 1
        with postgres.gone():
            pass  # nobody asks meanwhile
        third = server.http.post("/predict", files={"file": head}).json()["request_id"]
        assert server.value("imip_log_failures_total") == 1
        assert sorted(logged(url)) == sorted([first, second, third])
        assert not server.holds(url.encode())


def test_a_spooling_server_answers_on_and_replays_once(tmp_path: Path, postgres: Postgres, head: bytes) -> None:
    url = postgres.database()
    settings = {"IMIP_DATABASE_URL": url, "IMIP_LOG_OUTAGE": "spool", "IMIP_JOURNAL_ROWS": "8"}
    with running(tmp_path, IMIP_WORKERS="2", **settings) as server:
        answered = [server.http.post("/predict", files={"file": head}).json()["request_id"]]
        with postgres.gone():
            for _ in range(6):
                answered.append(server.http.post("/predict", files={"file": head}).json()["request_id"])
            assert server.http.get("/readyz").status_code == 200
            wait_for(lambda: server.value("imip_log_journal_rows") == 6)
            assert server.value("imip_log_rows_total", outcome="spooled") == 6
            statuses = [server.http.post("/predict", files={"file": head}).status_code for _ in range(5)]
            assert statuses == [200, 200, 503, 503, 503]  # the journal is full
            wait_for(lambda: server.http.get("/readyz").status_code == 503)
            kill(server.workers()[0])  # what it spooled does not die with it
        wait_for(lambda: set(answered) <= set(logged(url)) and len(logged(url)) == 9, 30)
        wait_for(lambda: server.value("imip_log_journal_rows") == 0)


def test_what_was_spooled_is_replayed_once_there_is_a_database_by_this_server_or_the_next(
    tmp_path: Path, postgres: Postgres, head: bytes
) -> None:
    url = postgres.database()
    with ExitStack() as outage:
        outage.enter_context(postgres.gone())
        with running(tmp_path, IMIP_WORKERS="1", IMIP_DATABASE_URL=url, IMIP_LOG_OUTAGE="spool") as server:
            first = server.http.post("/predict", files={"file": head}).json()["request_id"]
            outage.close()
            wait_for(lambda: server.value("imip_log_available") == 1, 30)
            wait_for(lambda: logged(url) == [first], 30)
            outage.enter_context(postgres.gone())
            second = server.http.post("/predict", files={"file": head}).json()["request_id"]
    with running(tmp_path, IMIP_WORKERS="1", IMIP_DATABASE_URL=url) as server:  # it would refuse
        wait_for(lambda: sorted(logged(url)) == sorted([first, second]))
        wait_for(lambda: server.value("imip_log_journal_rows") == 0)


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_FSIZE"), reason="a process's files cannot be bounded here")
def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path, head: bytes) -> None:
    """The worker's files are kept from growing, as a full disk keeps them."""
    with running(tmp_path, IMIP_WORKERS="1") as server:
        answered = [server.http.post("/predict", files={"file": head}).json()["request_id"] for _ in range(3)]
        (worker,) = server.workers()
        unbounded = worker.rlimit(psutil.RLIMIT_FSIZE)
        worker.rlimit(psutil.RLIMIT_FSIZE, (4096, unbounded[1]))  # not one page of a write-ahead log
        problem(server.http.post("/predict", files={"file": head}), 503)
        worker.rlimit(psutil.RLIMIT_FSIZE, unbounded)
        wait_for(lambda: server.http.get("/readyz").status_code == 200)
        answered.append(server.http.post("/predict", files={"file": head}).json()["request_id"])
        assert sorted(logged(f"sqlite:///{tmp_path / SQLITE}")) == sorted(answered)
