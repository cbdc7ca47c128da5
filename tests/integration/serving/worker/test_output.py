"""Every line of the JSON log is JSON, from the first to the last, whoever prints, and quotes no client."""

import json
import signal
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.scan_files import picture_bytes, ramp
from tests.support.server import Server, free_port, kill, launch, running, wait_for

EARLY, SECRET = "no scan is here yet", "Canary^Quillon"


def lines(server: Server) -> list[dict[str, Any]]:
    """All of the log; whatever is no JSON object fails."""
    parsed = [json.loads(line) for line in server.log().splitlines()]
    assert all({"time", "level", "logger", "event"} <= set(line) for line in parsed)
    return parsed


def damaged_jpeg() -> bytes:
    """One that libjpeg may complain of on standard error."""
    whole = picture_bytes(Image.fromarray(ramp(128, 128)), "JPEG")
    middle = len(whole) // 2
    return whole[:middle] + bytes(100) + whole[middle + 100 :]


def test_every_line_is_json_under_a_hostile_client(tmp_path: Path) -> None:
    talk = {"SAYS_EARLY": EARLY, "SAYS_LATE": SECRET}
    with running(tmp_path, "tests.support.talkative:service", IMIP_WORKERS="2", **talk) as server:
        assert server.http.post("/predict", files={"file": damaged_jpeg()}).status_code in (200, 422)
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(f"{SECRET} is no HTTP\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 400")
        wait_for(lambda: server.log().count('"uncaught"') == 2, 30)  # the second worker may start later
        first, *_ = server.workers()
        kill(first)
        wait_for(lambda: len({worker.pid for worker in server.workers()} - {first.pid}) == 2, 30)
        wait_for(lambda: server.log().count('"uncaught"') == 3, 30)
    log = lines(server)
    assert SECRET not in server.log()
    assert "listening on" in log[0]["event"]
    seen = Counter(line["event"] for line in log)
    assert seen["module loaded"] == seen["uncaught"] == seen["warning"] == 3  # two workers and a new one
    assert seen["Invalid HTTP request received."] == 1
    printed = [line for line in log if line["event"] == "printed"]
    assert sum(line.get("text") == EARLY for line in printed) == 3
    assert sum(line.get("bytes", 0) for line in printed) > 3 * len(SECRET)
    assert not any("text" in line and "bytes" in line for line in printed)


def test_ctrl_c_ends_the_log_in_json_too(tmp_path: Path) -> None:
    with running(tmp_path, IMIP_WORKERS="1") as server:
        server.processes()[0].send_signal(signal.SIGINT)
        wait_for(lambda: not server.workers(), 20)
    assert lines(server)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"IMIP_MODULES": '["brain-waves"]'}, "brain-waves"),
        ({"IMIP_LOG_FORMAT": "xml"}, "log_format"),
        ({"IMIP_MODEL_VERSIONS": '{"brain-tumor": "0"}'}, "no version brain-tumor:0"),
        ({}, "Address already in use"),
    ],
)
def test_a_start_that_fails_says_why_in_one_line(tmp_path: Path, settings: dict[str, str], says: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port := free_port()))
        taken.listen()
        process = launch(tmp_path, port, **settings)
        assert process.wait(60) != 0
    last = lines(Server(tmp_path, port, process))[-1]
    assert last["event"] == "uncaught"
    assert says in last["error"]


def test_text_stays_text(tmp_path: Path) -> None:
    with running(tmp_path, IMIP_WORKERS="1", IMIP_LOG_FORMAT="text") as server:
        pass
    text = server.log().splitlines()
    assert any(line.startswith("INFO: Created TensorFlow Lite") for line in text)
    assert not any(line.startswith("{") for line in text)
