"""The balancer of docker-compose.yml: the real HAProxy, in front of a real server that it finds by DNS."""

import json
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.programs import program
from tests.support.server import REPOSITORY, Server, free_port, problem, wait_for

CONFIGURATION = REPOSITORY / "deploy" / "compose" / "haproxy.cfg"
ADDRESS, LENGTH_OF_ADDRESS, INTERNET = 1, 4, 1


class Names:
    """A name server that knows one name: whatever is asked for stands at these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                query, client = self._socket.recvfrom(4096)
                self._socket.sendto(self._answer(query), client)
            except OSError:  # closed
                return

    def _answer(self, query: bytes) -> bytes:
        end = query.index(b"\0", 12) + 5  # of the question: a name, its type and class
        (kind,) = struct.unpack("!H", query[end - 4 : end - 2])
        found = self.addresses if kind == ADDRESS else ()
        header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(found), 0, 0)
        name = struct.pack("!H", 0xC00C)  # that of the question
        records = [
            name + struct.pack("!HHIH", ADDRESS, INTERNET, 1, LENGTH_OF_ADDRESS) + socket.inet_aton(address)
            for address in found
        ]
        return header + query[12:end] + b"".join(records)


class Balancer:
    """HAProxy with the shipped configuration."""

    def __init__(self, root: Path, api: int, names: Names) -> None:
        self.port, self.names, self._log = free_port(), names, root / "haproxy.log"
        variables = {"BIND": f"127.0.0.1:{self.port}", "API": f"api.test:{api}", "DNS": f"127.0.0.1:{names.port}"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program("haproxy"), "-db", "-f", CONFIGURATION],
                env=os.environ | {f"BALANCER_{name}": value for name, value in variables.items()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, trust_env=False)

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def requests(self) -> list[dict[str, Any]]:
        """What it logged of each; a line comes after its answer."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{") and line.endswith("}")]

    def status(self) -> int:
        assert self._process.poll() is None, self.log()
        try:
            return self.http.get("/readyz").status_code
        except httpx.TransportError:
            return 0

    def stop(self) -> None:
        self.http.close()
        self._process.kill()
        self._process.wait(15)


@contextmanager
def balancing(root: Path, api: int, *addresses: str) -> Iterator[Balancer]:
    """A balancer whose name server gives these addresses for the API, all with one port."""
    names = Names(*addresses)
    balancer = Balancer(root, api, names)
    try:
        yield balancer
    finally:
        balancer.stop()
        names.close()


@pytest.fixture
def balancer(server: Server, tmp_path: Path) -> Iterator[Balancer]:
    """One that finds two servers: the real one, and an address where none listens."""
    with balancing(tmp_path, server.port, "127.0.0.2", "127.0.0.1") as started:
        wait_for(lambda: started.status() == 200)
        yield started


def test_haproxy_takes_the_configuration() -> None:
    variables = {"BALANCER_BIND": ":8080", "BALANCER_API": "api:3000", "BALANCER_DNS": "127.0.0.11:53"}
    command = [program("haproxy"), "-c", "-f", str(CONFIGURATION)]
    checked = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)
    assert checked.returncode == 0 and "WARNING" not in checked.stderr, checked.stderr


def test_a_dead_server_costs_no_answer_and_is_taken_out(balancer: Balancer, png: bytes) -> None:
    answers = [balancer.http.post("/predict", files={"file": ("scan", png)}) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 8, answers[0].text
    assert all(answer.json()["research_only"] for answer in answers)
    wait_for(lambda: "is DOWN" in balancer.log())
    assert balancer.http.post("/predict", files={"file": ("scan", png)}).status_code == 200


def test_a_server_that_joins_is_found(server: Server, tmp_path: Path) -> None:
    with balancing(tmp_path, server.port, "127.0.0.2") as started:
        wait_for(lambda: started.status() == 503)
        started.names.addresses = ("127.0.0.2", "127.0.0.1")
        wait_for(lambda: started.status() == 200, 30)


def test_without_a_server_it_says_when_to_come_back(tmp_path: Path, png: bytes) -> None:
    with balancing(tmp_path, free_port(), "127.0.0.1") as alone:
        wait_for(lambda: alone.status() == 503)
        answer = alone.http.post("/predict", files={"file": ("scan", png)})
    assert problem(answer, 503)["detail"].startswith("No server is ready")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/metrics", "/%6detrics", "/metrics?x=1", "/metrics/"])
def test_metrics_are_not_shown(balancer: Balancer, server: Server, path: str) -> None:
    assert server.http.get("/metrics").status_code == 200
    problem(balancer.http.get(path), 404)


def test_a_body_that_no_server_would_take_is_refused_unread(balancer: Balancer) -> None:
    with socket.create_connection(("127.0.0.1", balancer.port), timeout=10) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: 40000000\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_the_largest_scan_that_a_server_takes_comes_through(balancer: Balancer, server: Server) -> None:
    scan = b"\0" * (server.http.get("/meta").json()["limits"]["body_bytes"])
    problem(balancer.http.post("/predict", files={"file": ("scan", scan)}), 415)  # read whole, and none of ours


def test_its_log_tells_nothing_of_the_client(balancer: Balancer, png: bytes) -> None:
    headers = {"X-Forwarded-For": "198.51.100.7", "User-Agent": "canary-agent"}
    balancer.http.post("/predict?patient=canary", files={"file": ("canary.png", png)}, headers=headers)
    balancer.http.get("/canary")
    balancer.http.request("PATCH", "/predict")
    wait_for(lambda: [line["status"] for line in balancer.requests()[-3:]] == [200, 404, 405])
    assert {*balancer.requests()[-1]} == {"time", "event", "status", "server", "duration_ms", "ended"}
    assert "canary" not in balancer.log().lower() and "198.51.100.7" not in balancer.log()
