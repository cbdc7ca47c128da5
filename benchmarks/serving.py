"""What serving costs beside the analysis itself: `python -m benchmarks.serving`, or `make bench`.

Starts the real server with a home of its own and measures, on the same bytes and in one run: the analysis in
this process against the same over HTTP, throughput, memory and time to start. Samples of both sides alternate,
so that a busy machine slows them alike; only their ratios travel from one machine to another.
"""

import argparse
import http.client
import os
import platform
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parents[1]
MODULE = "brain-tumor"
WARM_UP = 20  # requests before anything is measured
START_SECONDS = 120.0
POLL_SECONDS = 0.02
BOUNDARY = "benchmark"
PACKAGES = ("bentoml", "ai-edge-litert", "numpy", "opencv-python", "pydicom")


def main() -> None:
    """Measure and print a report in Markdown."""
    options = arguments()
    scan = options.scan.read_bytes()
    before = load_average()
    local = local_calls(scan)
    with tempfile.TemporaryDirectory(prefix="imip-bench-") as folder:
        home = Path(folder)
        say("Starting the server with an empty home ...")
        with serving(home, options.workers) as (_, cold):
            pass
        say("Starting it again ...")
        with serving(home, options.workers) as (server, warm):
            say(f"{options.requests} requests one after another, of each kind ...")
            pairs = {route: alternate(call, server, route, scan, options.requests) for route, call in local.items()}
            clients = 2 * options.workers
            say(f"{options.requests} requests of each kind from {clients} clients ...")
            rates = {route: throughput(server, route, scan, options.requests, clients) for route in local}
            memory = server.memory()
    print(machine(options, len(scan), before))
    print(latency_table(pairs))
    print(throughput_table(pairs, rates, options.workers))
    print(memory_table(memory))
    print(f"Ready to serve after {cold:.1f} s with an empty home, {warm:.1f} s afterwards.")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="of each kind and way (default 200)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of the server (default: one a core)")
    parser.add_argument("--scan", type=Path, default=REPOSITORY / "samples" / "brain-axial.png")
    return parser.parse_args()


def local_calls(scan: bytes) -> dict[str, Callable[[], object]]:
    """Return what a worker does for each route, to be called in this process: one thread, as there."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy is loaded, hence the imports here
    from imip.analysis import analyse, explain, overlay_png
    from imip.model import load
    from imip.modules import MODULES
    from serving.process import harden

    harden()
    module = MODULES[MODULE](load(REPOSITORY / "models" / MODULE))

    def heatmap() -> bytes:
        analysis = analyse(scan, module)
        return overlay_png(analysis, explain(analysis))

    return {"/predict": lambda: analyse(scan, module), "/heatmap": heatmap}


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, in MiB. `own`: proportional set size, in which shared pages count by their share."""

    name: str
    resident: float
    own: float | None


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    process: "subprocess.Popen[bytes]"

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection that is kept alive."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ready(self) -> bool:
        """Ask whether it takes requests."""
        connection = self.connect()
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def family(self) -> list[psutil.Process]:
        """Return the main process and all it started."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def processor_seconds(self) -> float:
        """Return the processor time that all its processes have used."""
        times = [process.cpu_times() for process in self.family()]
        return sum(one.user + one.system for one in times)

    def memory(self) -> list[Memory]:
        """Measure every process."""
        return [measure_memory(process) for process in self.family()]


@contextmanager
def serving(home: Path, workers: int) -> Iterator[tuple[Server, float]]:
    """Run a server until the block ends; yields it and the seconds it took to be ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "bentoml", "serve", "service:service", "--host", "127.0.0.1", "--port", str(port)]
    own = {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "IMIP_WORKERS": str(workers)}
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    log_file = home / "log"
    with log_file.open("wb") as log:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment | own, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    server = Server(port, process)
    try:
        while not server.ready():
            if process.poll() is not None or time.perf_counter() - start > START_SECONDS:
                sys.exit(f"The server did not start:\n{log_file.read_text(encoding='utf-8')[-4000:]}")
            time.sleep(POLL_SECONDS)
        yield server, time.perf_counter() - start
    finally:
        children = server.family() if process.poll() is None else []
        process.terminate()
        _, alive = psutil.wait_procs(children, timeout=20)
        for child in alive:
            child.kill()


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds of the same work done in this process and over HTTP, sample by sample."""

    local: list[float]
    http: list[float]
    local_processor: float  # seconds of processor time in all; unlike the samples no waiting is in it
    http_processor: float  # of the server's processes


def alternate(call: Callable[[], object], server: Server, route: str, scan: bytes, count: int) -> Pair:
    """Do the work here, then over HTTP on one connection, and again."""
    connection = server.connect()
    here, there, used = [], [], 0.0
    for _ in range(WARM_UP):
        call()
        post(connection, route, scan)
    server_used = server.processor_seconds()
    for _ in range(count):
        used -= time.process_time()
        here.append(seconds(call))
        used += time.process_time()
        there.append(seconds(lambda: post(connection, route, scan)))
    connection.close()
    return Pair(here, there, used, server.processor_seconds() - server_used)


def seconds(call: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def post(connection: http.client.HTTPConnection, route: str, scan: bytes) -> None:
    """Send a scan and read the whole answer."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="scan"\r\n\r\n'
    body = head.encode() + scan + f"\r\n--{BOUNDARY}--\r\n".encode()
    connection.request("POST", route, body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != http.client.OK:
        sys.exit(f"{route} answered {response.status}: {answer[:500]!r}")


def throughput(server: Server, route: str, scan: bytes, count: int, clients: int) -> float:
    """Return answers a second while so many clients each send one request after another."""

    def client(_: int) -> None:
        connection = server.connect()
        for _ in range(count // clients):
            post(connection, route, scan)
        connection.close()

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))  # opens every worker's path once
        taken = seconds(lambda: list(pool.map(client, range(clients))))
    return count // clients * clients / taken


def measure_memory(process: psutil.Process) -> Memory:
    """Read /proc on Linux; elsewhere the resident set is all there is."""
    arguments = " ".join(process.cmdline())
    name = "API worker" if "worker.service" in arguments else "main" if "bentoml serve" in arguments else "helper"
    rollup = Path(f"/proc/{process.pid}/smaps_rollup")
    if not rollup.exists():
        return Memory(name, process.memory_info().rss / 2**20, None)
    fields = dict(line.split(":") for line in rollup.read_text(encoding="ascii").splitlines()[1:])
    resident, own = (int(fields[key].split()[0]) / 1024 for key in ("Rss", "Pss"))
    return Memory(name, resident, own)


def machine(options: argparse.Namespace, size: int, before: str) -> str:
    """Say what was measured, where and how."""
    command = shlex.join(["python", "-m", "benchmarks.serving", *sys.argv[1:]])
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"`{command}`\n\n{processor()}, {os.cpu_count()} cores, load {before} before the run; {platform.system()}, "
        f"Python {platform.python_version()}, {packages}. Scan: {options.scan.name}, {size} bytes. "
        f"{options.workers} workers; client and server share the machine.\n"
    )


def processor() -> str:
    """Name the processor as far as the system does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load_average() -> str:
    """Return how many processes wanted a core in the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def latency_table(pairs: dict[str, Pair]) -> str:
    """One connection, one request at a time."""
    rows = ["| one at a time | p50 | p95 | processor time |", "|---|---|---|---|"]
    for route, pair in pairs.items():
        count = len(pair.local)
        here = (*quantiles(pair.local), pair.local_processor / count * 1000)
        there = (*quantiles(pair.http), pair.http_processor / count * 1000)
        added = [
            f"{more - plain:+.2f} ms ({(more - plain) / plain:+.0%})" for plain, more in zip(here, there, strict=True)
        ]
        rows.append(f"| `{route}` in process | {' | '.join(f'{value:.2f} ms' for value in here)} |")
        rows.append(f"| `{route}` over HTTP | {' | '.join(f'{value:.2f} ms' for value in there)} |")
        rows.append(f"| HTTP adds | {' | '.join(added)} |")
    return "\n".join(rows) + "\n"


def quantiles(samples: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile in milliseconds."""
    return statistics.median(samples) * 1000, statistics.quantiles(samples, n=20, method="inclusive")[18] * 1000


def throughput_table(pairs: dict[str, Pair], rates: dict[str, float], workers: int) -> str:
    """Compare with workers that would do nothing but analyse."""
    rows = [
        f"| {2 * workers} clients at once | answers a second | of {workers} cores that only analyse |",
        "|---|---|---|",
    ]
    for route, rate in rates.items():
        most = workers / statistics.median(pairs[route].local)
        rows.append(f"| `{route}` | {rate:.0f} | {rate / most:.0%} |")
    return "\n".join(rows) + "\n"


def memory_table(memory: list[Memory]) -> str:
    """One row a process."""
    rows = ["| process | resident | with shared pages by their share |", "|---|---|---|"]
    rows += [f"| {one.name} | {one.resident:.0f} MiB | {mebibytes(one.own)} |" for one in memory]
    if all(one.own is not None for one in memory):
        rows.append(f"| together | | {mebibytes(sum(one.own or 0 for one in memory))} |")
    return "\n".join(rows) + "\n"


def mebibytes(value: float | None) -> str:
    """Write a size that may be unknown."""
    return "unknown" if value is None else f"{value:.0f} MiB"


def say(text: str) -> None:
    """Show progress where it does not mix with the report."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
