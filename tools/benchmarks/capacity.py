"""The capacity of one server, to size a deployment: `python -m tools.benchmarks.capacity`.

Each client sends one scan after another, and the number of clients grows until the server is saturated. For one worker
and for one worker per core it measures throughput, latency and the share of shed requests. It also measures the disk
space of a prediction, the cost of a scrape and the memory of the processes.
"""

import argparse
import http.client
import os
import random
import re
import shlex
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.benchmarks.server import REPOSITORY, Server, print_progress, send, serving

CLIENTS = (1, 2, 4, 8, 16, 32)
PAUSE_SECONDS = 0.1  # of a shed client; shorter than Retry-After, to keep the load high
CHECK_SECONDS = 120.0  # timeout for the first drift check
SAMPLE = REPOSITORY / "samples" / "brain-axial.png"


@dataclass(frozen=True, slots=True)
class Load:
    """Results with one number of clients."""

    clients: int
    seconds: float
    latencies: list[float]  # seconds
    statuses: Counter[int]

    @property
    def rate(self) -> float:
        """Responses per second."""
        return len(self.latencies) / self.seconds

    @property
    def shed(self) -> float:
        """Share of requests that were shed."""
        return self.statuses[http.client.SERVICE_UNAVAILABLE] / self.statuses.total()


def main() -> None:
    """Measure and print a report in Markdown."""
    options = arguments()
    scans = read_scans(options.data)
    print(f"`{shlex.join(['python', '-m', 'tools.benchmarks.capacity', *sys.argv[1:]])}`\n")
    for workers in dict.fromkeys((1, os.cpu_count() or 1)):
        with temporary_folder() as folder, serving(folder, workers) as (server, _):
            measure_load(server, scans, 2, 2.0)  # warm-up
            print_progress(f"{workers} workers ...")
            loads = [measure_load(server, scans, clients, options.seconds) for clients in CLIENTS]
            if workers == 1:
                footprint = describe_footprint(server, folder)
        print(load_table(workers, loads))
    print(footprint)
    if options.data:
        print(monitor_memory(scans))


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.capacity", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="with each number of clients (default 8)")
    parser.add_argument("--data", type=Path, help="folder of scans to send, else a sample; also measures the monitor")
    return parser.parse_args()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a folder, and delete it afterwards."""
    with tempfile.TemporaryDirectory(prefix="imip-bench-") as folder:
        yield Path(folder)


def read_scans(folder: Path | None) -> list[bytes]:
    """Return a random selection of the files in a folder, or the sample."""
    if folder is None:
        return [SAMPLE.read_bytes()]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path.read_bytes() for path in random.Random(0).sample(files, min(400, len(files)))]


def measure_load(server: Server, scans: Sequence[bytes], clients: int, seconds: float) -> Load:
    """Let clients send one scan after another for some seconds."""
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    start = time.perf_counter()

    def client(number: int) -> None:
        connection = server.connect()
        index = number
        while (sent := time.perf_counter()) - start < seconds:
            status, _ = send(connection, "/predict", scans[index % len(scans)])
            statuses[status] += 1
            index += clients
            if status == http.client.OK:
                latencies.append(time.perf_counter() - sent)
            elif status == http.client.SERVICE_UNAVAILABLE:
                time.sleep(PAUSE_SECONDS)
        connection.close()

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    return Load(clients, time.perf_counter() - start, latencies, statuses)


def load_table(workers: int, loads: Sequence[Load]) -> str:
    """Return a table with one row per number of clients."""
    rows = [f"| clients, {workers} workers | answers a second | p50 | p95 | shed |", "|-:|-:|-:|-:|-:|"]
    for one in loads:
        p50, p95 = (value * 1000 for value in quantiles(one.latencies))
        rows.append(f"| {one.clients} | {one.rate:.0f} | {p50:.0f} ms | {p95:.0f} ms | {one.shed:.0%} |")
    return "\n".join(rows).replace(", 1 workers", ", 1 worker") + "\n"


def quantiles(samples: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile."""
    return statistics.median(samples), statistics.quantiles(samples, n=20, method="inclusive")[18]


def describe_footprint(server: Server, folder: Path) -> str:
    """Describe the disk space of a prediction, the cost of a scrape and the memory of the processes."""
    start = time.perf_counter()
    page = metrics_page(server).decode()
    scrape = time.perf_counter() - start
    rows = sum(int(float(value)) for value in re.findall(r'imip_log_rows_total\{outcome="written"\} (\S+)', page))
    stored = sum(path.stat().st_size for path in folder.glob("predictions.sqlite3*"))
    lines = page.splitlines()
    imip_series, all_series = (
        sum(line.startswith(prefix) for line in lines) for prefix in ("imip_", ("imip_", "bentoml_"))
    )
    memory = ", ".join(f"{one.name} {one.resident:.0f} MiB" for one in server.memory())
    return (
        f"A prediction takes {stored / rows / 1024:.1f} KiB of the log ({rows} on SQLite). "
        f"A scrape takes {scrape * 1000:.0f} ms and {len(page) / 1024:.0f} KiB: "
        f"{imip_series} series of IMIP among {all_series}. "
        f"Resident memory: {memory}.\n"
    )


def monitor_memory(scans: Sequence[bytes]) -> str:
    """Describe the memory of the drift monitor before and after its first check."""
    drift = '{"brain-tumor": {"window": 50, "seconds": 2}}'
    with temporary_folder() as folder, serving(folder, 1, IMIP_DRIFT_MONITOR="beside", IMIP_DRIFT=drift) as (server, _):
        (monitor,) = [one for one in server.processes() if "imip_drift_monitor" in " ".join(one.cmdline())]
        idle = monitor.memory_info().rss
        measure_load(server, scans, 2, 10.0)
        end = time.perf_counter() + CHECK_SECONDS
        while b"imip_drift_check_duration_seconds{" not in metrics_page(server):
            if time.perf_counter() > end:
                sys.exit("The drift monitor made no check.")
            time.sleep(1)
        busy = monitor.memory_info().rss
    return f"The drift monitor's process: {idle / 2**20:.0f} MiB idle, {busy / 2**20:.0f} MiB after a check.\n"


def metrics_page(server: Server) -> bytes:
    """Return the metrics of the server."""
    connection = server.connect()
    connection.request("GET", "/metrics")
    page = connection.getresponse().read()
    connection.close()
    return page


if __name__ == "__main__":
    main()
