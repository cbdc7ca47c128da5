"""A real server for the tests: started as users start it, with a home of its own, watched and stopped."""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 90.0
SERVICE = "service:service"
PROBLEM = "application/problem+json"
needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="processes are looked into through /proc")


class Server:
    """One running server, and what can be seen of it from outside."""

    def __init__(self, root: Path, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.root, self.port, self._process = root, port, process
        self.url = f"http://127.0.0.1:{port}"
        self.http = self.client(limits=httpx.Limits(max_keepalive_connections=0))  # both workers get their share

    def client(self, **options: Any) -> httpx.Client:
        """A client that goes straight there, whatever proxy the environment names."""
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False, **options)

    def processes(self) -> list[psutil.Process]:
        main = psutil.Process(self._process.pid)
        return [main, *main.children(recursive=True)]

    def workers(self, service: str = "imip") -> list[psutil.Process]:
        """The living processes of a service: the API, or the drift monitor beside it."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):  # nor is a zombie one
                line = " ".join([*process.cmdline(), ""])
                if "worker.service" in line and f"--service-name {service} " in line:
                    found.append(process)
        return found

    def log(self) -> str:
        return (self.root / "log").read_text(encoding="utf-8")

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def samples(self) -> list[Sample]:
        """What /metrics says now."""
        text = self.http.get("/metrics").text
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of a name that have these labels."""
        return total(self.samples(), name, **labels)

    def files(self) -> Iterator[Path]:
        """Every file under the server's home, temporary folder and model store, and its log."""
        return (path for path in self.root.rglob("*") if path.is_file())

    def holds(self, text: bytes) -> list[Path]:
        """The files among `files` whose content or name has a text."""
        return [
            path
            for path in self.files()
            if text in os.fsencode(path.relative_to(self.root)) or text in path.read_bytes()
        ]

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            assert self._process.poll() is None, f"the server ended before it was ready: {self.log()[-2000:]}"
            try:
                return self.http.get("/readyz", timeout=5).status_code == 200
            except httpx.TransportError:
                return False

        wait_for(ready, START_SECONDS)

    def stop(self) -> None:
        self.http.close()
        processes = self.processes() if self._process.poll() is None else []
        self._process.terminate()
        _, alive = psutil.wait_procs(processes, timeout=15)
        for process in alive:
            process.kill()
        self._process.wait(15)


def total(samples: list[Sample], name: str, **labels: str) -> float:
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


@contextmanager
def running(root: Path, target: str = SERVICE, **settings: str) -> Iterator[Server]:
    """A server of these settings, ready; stopped at the end. Everything it may write lies under `root`."""
    with starting(root, target, **settings) as server:
        server.wait_until_ready()
        yield server


@contextmanager
def starting(root: Path, target: str = SERVICE, **settings: str) -> Iterator[Server]:
    """A server that may not be ready yet, so that several start at once; stopped at the end."""
    port = free_port()
    server = Server(root, port, launch(root, port, target, **settings))
    try:
        yield server
    finally:
        server.stop()


def launch(root: Path, port: int, target: str = SERVICE, **settings: str) -> "subprocess.Popen[bytes]":
    """Start a server and do not wait for it."""
    for folder in ("bentoml", "tmp", "home"):
        (root / folder).mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("IMIP_", "BENTO", "OTEL_"))}
    environment = {
        **kept,
        "BENTOML_HOME": str(root / "bentoml"),
        "TMPDIR": str(root / "tmp"),
        "HOME": str(root / "home"),
        "IMIP_LOG_FORMAT": "json",
        "IMIP_DRIFT_MONITOR": "off",  # it brings TensorFlow; a test of it asks for it
        "IMIP_MODULES": '["brain-tumor"]',  # the others start more slowly; a test of them asks for them
        **settings,
    }
    with (root / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", target, "--host", "127.0.0.1", "--port", str(port)],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def in_a_process(code: str, root: Path, **settings: str) -> str:
    """What Python code prints in a process of its own, with a home of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("IMIP_", "BENTO"))}
    environment |= {"BENTOML_HOME": str(root), "HOME": str(root), **settings}
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def free_port() -> int:
    """A port below those that clients' ends are given, so that none of them takes it before the server does."""
    while True:
        port = random.randrange(18_000, 28_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(condition: Any, seconds: float = 10.0) -> None:
    """Wait until a condition holds. Raises AssertionError if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def problem(response: httpx.Response, status: int | None = None) -> dict[str, Any]:
    """Check that an answer is a failure in our one shape and return its body."""
    assert 400 <= response.status_code < 500 or response.status_code == 503, (response.status_code, response.text)
    assert status in (None, response.status_code), (response.status_code, response.text)
    assert response.headers["content-type"] == PROBLEM
    body: dict[str, Any] = response.json()
    assert list(body) == ["type", "title", "status", "detail", "request_id"]
    assert body["status"] == response.status_code
    assert body["request_id"] == response.headers["x-request-id"] != ""
    assert body["type"] == "about:blank" or body["type"].startswith("urn:imip:problem:")
    assert all(isinstance(body[key], str) and body[key] for key in ("type", "title", "detail"))
    return body


def form(*parts: tuple[str, bytes], boundary: str = "B", end: bool = True) -> tuple[bytes, dict[str, str]]:
    """A multipart body by hand and its header; each part is (content disposition's parameters, content)."""
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + content + b"\r\n"
        for disposition, content in parts
    )
    return body + (f"--{boundary}--\r\n".encode() if end else b""), {
        "Content-Type": f"multipart/form-data; boundary={boundary}"
    }


@contextmanager
def half_sent(
    server: Server, content: bytes, path: str = "/predict", declared: int = 3_000_000
) -> Iterator[socket.socket]:
    """An upload that has sent `content` of its file and does not go on; the connection closes at the end."""
    body, headers = form(('name="file"; filename="scan.png"', content), end=False)
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {declared}\r\n"
    head += f"Content-Type: {headers['Content-Type']}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        yield connection


def answer_on(connection: socket.socket) -> tuple[int, bytes]:
    """The status and body of the answer that comes on a connection."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read()


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)
