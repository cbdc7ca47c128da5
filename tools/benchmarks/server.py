"""Run the real server for benchmarks, with its own data folder, and send requests to it."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 120.0
POLL_SECONDS = 0.02
BOUNDARY = "benchmark"


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one process in MiB: resident and proportional set size, None if unknown."""

    name: str
    resident: float
    proportional: float | None


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    process: "subprocess.Popen[bytes]"

    def connect(self) -> http.client.HTTPConnection:
        """Return a keep-alive connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ready(self) -> bool:
        """Return whether the server accepts requests."""
        connection = self.connect()
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def processes(self) -> list[psutil.Process]:
        """Return the main process and all its descendants."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """Return the API workers."""
        lines = {process: " ".join([*process.cmdline(), ""]) for process in self.processes()}
        return [process for process, line in lines.items() if "--service-name imip " in line]

    def processor_seconds(self, processes: Sequence[psutil.Process] | None = None) -> float:
        """Return the processor time of some processes, by default of all."""
        times = [process.cpu_times() for process in processes or self.processes()]
        return sum(one.user + one.system for one in times)

    def memory(self) -> list[Memory]:
        """Return the memory of every process."""
        return [measure_memory(process) for process in self.processes()]


@contextmanager
def serving(
    home: Path, workers: int, target: str = "service:service", **settings: str
) -> Iterator[tuple[Server, float]]:
    """Run a server until the block ends, by default without drift monitor. Yield it and its start time in seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "bentoml", "serve", target, "--host", "127.0.0.1", "--port", str(port)]
    variables = {
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "IMIP_DATA_FOLDER": str(home),
        "IMIP_WORKERS": str(workers),
        "IMIP_DRIFT_MONITOR": "off",
        **settings,
    }
    inherited = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    log_file = home / "log"
    with log_file.open("wb") as log:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=inherited | variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    server = Server(port, process)
    try:
        while not server.ready():
            if process.poll() is not None or time.perf_counter() - start > START_SECONDS:
                sys.exit(f"The server did not start:\n{log_file.read_text(encoding='utf-8')[-4000:]}")
            time.sleep(POLL_SECONDS)
        yield server, time.perf_counter() - start
    finally:
        children = server.processes() if process.poll() is None else []
        process.terminate()
        _, alive = psutil.wait_procs(children, timeout=20)
        for child in alive:
            child.kill()


def post(connection: http.client.HTTPConnection, route: str, scan: bytes) -> None:
    """Send a scan and read the response, which must be a prediction."""
    status, body = send(connection, route, scan)
    if status != http.client.OK:
        sys.exit(f"{route} answered {status}: {body[:500]!r}")


def send(connection: http.client.HTTPConnection, route: str, scan: bytes) -> tuple[int, bytes]:
    """Send a scan and return the status and body of the response."""
    header = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="scan"\r\n\r\n'
    body = header.encode() + scan + f"\r\n--{BOUNDARY}--\r\n".encode()
    connection.request("POST", route, body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    response = connection.getresponse()
    return response.status, response.read()


def throughput(server: Server, route: str, scans: Sequence[bytes], count: int, clients: int) -> float:
    """Return responses per second while clients send one scan after another."""

    def client(number: int) -> None:
        connection = server.connect()
        for step in range(count // clients):
            post(connection, route, scans[(number + step * clients) % len(scans)])
        connection.close()

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))  # warm-up of all workers
        taken = time_call(lambda: list(pool.map(client, range(clients))))
    return count // clients * clients / taken


def measure_memory(process: psutil.Process) -> Memory:
    """Return the memory of a process. Only Linux has the proportional set size, in /proc."""
    arguments = " ".join(process.cmdline())
    name = "API worker" if "worker.service" in arguments else "main" if "bentoml serve" in arguments else "helper"
    rollup = Path(f"/proc/{process.pid}/smaps_rollup")
    if not rollup.exists():
        return Memory(name, process.memory_info().rss / 2**20, None)
    fields = dict(line.split(":") for line in rollup.read_text(encoding="ascii").splitlines()[1:])
    resident, proportional = (int(fields[key].split()[0]) / 1024 for key in ("Rss", "Pss"))
    return Memory(name, resident, proportional)


def time_call(call: Callable[[], object]) -> float:
    """Return the time of one call in seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def print_progress(text: str) -> None:
    """Print to stderr, because the report is printed to stdout."""
    print(text, file=sys.stderr, flush=True)
