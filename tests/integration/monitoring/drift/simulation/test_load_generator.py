"""Traffic to a server on the loopback that answers as IMIP does; time is simulated, not waited for."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitoring.drift.simulation import load_generator
from monitoring.drift.simulation.load_generator import DriftWatcher, Tally, read_folder, send
from tests.support.traffic import Clock, fill

PREDICTION = {"label": "Tumor", "warnings": ["out-of-distribution"]}


class FakeImip(ThreadingHTTPServer):
    """Keeps what it was sent; answers what stands in `answers` first, then predictions."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: list[tuple[int, dict[str, str], Any]] = []
        self.bodies: list[bytes] = []
        self.drift: Any = {"modules": {}}
        self.drift_asked = 0

    @property
    def scans(self) -> list[bytes]:
        """The files of all requests, in order."""
        return [body.split(b"\r\n\r\n", 2)[2].rsplit(b"\r\n--", 2)[0] for body in self.bodies]


class Handler(BaseHTTPRequestHandler):
    server: FakeImip

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(*(self.server.answers.pop(0) if self.server.answers else (200, {}, PREDICTION)))

    def do_GET(self) -> None:
        self.server.drift_asked += 1
        self.answer(200, {}, self.server.drift)

    def answer(self, status: int, headers: dict[str, str], content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def imip() -> Iterator[FakeImip]:
    with FakeImip() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path)
    return tmp_path


def test_what_is_answered_is_counted_after_each_scan(imip: FakeImip) -> None:
    imip.answers = [(200, {}, PREDICTION), (415, {}, {}), (200, {}, {"label": "No Tumor", "warnings": []})]
    sent: list[int] = []
    tally = send(
        imip.url,
        [b"one", b"two", b"three"],
        module="brain-tumor",
        pace=Clock().pace(10),
        track=lambda tally: sent.append(tally.sent),
    )
    assert tally.statuses == {200: 2, 415: 1} and tally.labels == {"Tumor": 1, "No Tumor": 1}
    assert tally.warnings == {"out-of-distribution": 1} and (tally.retries, tally.unanswered) == (0, 0)
    assert sent == [1, 2, 3]


def test_a_request_carries_the_scan_and_the_module_and_no_name_of_a_file(imip: FakeImip, folder: Path) -> None:
    scans = read_folder(folder).scans
    send(imip.url, [scans[0].data], module="brain-tumor", pace=Clock().pace(1))
    assert imip.scans == [scans[0].data]
    assert b'name="module"\r\n\r\nbrain-tumor\r\n' in imip.bodies[0]
    assert b'name="file"; filename="scan"\r\n' in imip.bodies[0]
    assert b"jane" not in imip.bodies[0] and b"glioma" not in imip.bodies[0]


def test_the_environments_proxy_is_not_asked(imip: FakeImip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert send(imip.url, [b"scan"], module="m", pace=Clock().pace(1)).statuses == {200: 1}


def test_scans_are_due_at_a_steady_rate(imip: FakeImip) -> None:
    clock = Clock()
    send(imip.url, [b"scan"] * 5, module="m", pace=clock.pace(4))
    assert clock.sleeps == [0.25] * 4


def test_sending_ends_when_the_time_is_up(imip: FakeImip) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"scan"

    tally = send(imip.url, endless(), module="m", pace=Clock().pace(8), seconds=2)
    assert tally.sent == 16 == len(imip.bodies)


def test_a_full_server_is_asked_again_after_the_pause_it_asks_for(imip: FakeImip) -> None:
    imip.answers = [(200, {}, PREDICTION), (503, {"Retry-After": "3"}, {})]
    clock = Clock()
    tally = send(imip.url, [b"one", b"two", b"three"], module="m", pace=clock.pace(1))
    assert tally.statuses == {200: 3} and tally.retries == 1
    assert imip.scans == [b"one", b"two", b"two", b"three"]
    assert clock.sleeps == [1, 3, 1], "what is due later is put off by the pause"


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [("86400", load_generator.LONGEST_PAUSE_SECONDS), ("soon", 1), ("-5", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 1)],
)
def test_a_pause_is_bounded_whatever_the_server_asks_for(imip: FakeImip, retry_after: str, pause: float) -> None:
    imip.answers = [(503, {"Retry-After": retry_after}, {})]
    clock = Clock()
    send(imip.url, [b"scan"], module="m", pace=clock.pace(1))
    assert clock.sleeps == [pause]


def test_a_server_that_stays_full_is_counted_and_left_for_the_next_scan(imip: FakeImip) -> None:
    imip.answers = [(503, {"Retry-After": "1"}, {})] * load_generator.TRIES
    tally = send(imip.url, [b"one", b"two"], module="m", pace=Clock().pace(1))
    assert tally.statuses == {503: 1, 200: 1} and tally.retries == load_generator.TRIES - 1


def test_an_unreachable_server_ends_the_traffic() -> None:
    with FakeImip() as server:
        url = server.url
    seen: list[Tally] = []
    with pytest.raises(httpx.TransportError):
        send(url, [b"scan"] * 50, module="m", pace=Clock().pace(1), track=seen.append)
    assert seen[-1].unanswered == load_generator.UNANSWERED_IN_A_ROW and not seen[-1].statuses


@pytest.mark.parametrize("answer", [{"hello": "world"}, [1], "text"])
def test_another_server_than_imip_is_recognised(imip: FakeImip, answer: Any) -> None:
    imip.answers = [(200, {}, answer)]
    with pytest.raises(ValueError, match="not IMIP"):
        send(imip.url, [b"scan"], module="m", pace=Clock().pace(1))


def verdict(drifted: bool) -> dict[str, Any]:
    return {"modules": {"m": {"at": "2026-01-01T00:00:00Z", "drifted": drifted}}}


def test_a_poller_says_when_the_verdict_first_turned(imip: FakeImip) -> None:
    clock = Clock()
    watch = DriftWatcher(imip.url, "m", now=clock.now)
    assert watch.before is None
    for drift, expected in ((verdict(False), False), (verdict(True), True), (verdict(False), False)):
        imip.drift = drift
        clock.sleep(10)
        assert watch.poll() is expected
    imip.drift = verdict(True)
    clock.sleep(10)
    assert watch.poll() is True and watch.turned_after == 20


def test_drift_that_was_there_before_is_no_turn(imip: FakeImip) -> None:
    imip.drift = verdict(True)
    clock = Clock()
    watch = DriftWatcher(imip.url, "m", now=clock.now)
    for drift in ({"modules": {}}, ["strange"], verdict(True)):
        imip.drift = drift
        clock.sleep(10)
        assert watch.poll() is True
    assert watch.before is True and watch.turned_after is None


def test_a_poller_asks_now_and_then_however_often_it_is_called(imip: FakeImip) -> None:
    clock = Clock()
    watch = DriftWatcher(imip.url, "m", now=clock.now)
    for _ in range(100):
        clock.sleep(load_generator.POLL_SECONDS / 10)
        watch.poll()
    assert imip.drift_asked == pytest.approx(11, abs=1)


def test_a_poller_of_an_unreachable_server_has_no_verdict() -> None:
    with FakeImip() as server:
        url = server.url
    assert DriftWatcher(url, "m").poll() is None
