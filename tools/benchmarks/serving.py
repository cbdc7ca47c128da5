"""What serving costs beside the analysis itself: `python -m tools.benchmarks.serving`, or `make bench`.

Starts the real server with a home of its own and measures, on the same bytes and in one run: the analysis in
this process against the same over HTTP, throughput, memory and time to start. Samples of both sides alternate,
so that a busy machine slows them alike; only their ratios travel from one machine to another.
"""

import argparse
import os
import platform
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tools.benchmarks.server import REPOSITORY, Memory, Server, post, say, seconds, serving, throughput

MODULE = "brain-tumor"
WARM_UP = 20  # requests before anything is measured
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
            rates = {route: throughput(server, route, [scan], options.requests, clients) for route in local}
            memory = server.memory()
    print(machine(options, len(scan), before))
    print(latency_table(pairs))
    print(throughput_table(pairs, rates, options.workers))
    print(memory_table(memory))
    print(f"Ready to serve after {cold:.1f} s with an empty home, {warm:.1f} s afterwards.")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.serving", description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="of each kind and way (default 200)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of the server (default: one a core)")
    parser.add_argument("--scan", type=Path, default=REPOSITORY / "samples" / "brain-axial.png")
    return parser.parse_args()


def local_calls(scan: bytes) -> dict[str, Callable[[], object]]:
    """Return what a worker does for each route, to be called in this process: one thread, as there."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy is loaded, hence the imports here
    from imip.explain.explanation import explain
    from imip.inference.predictor import analyse
    from imip.modules import load
    from serving.worker.process import harden

    harden()
    module = load(REPOSITORY / "models" / MODULE)

    def heatmap() -> bytes:
        analysis = analyse(scan, module)
        return explain(analysis).overlay

    return {"/predict": lambda: analyse(scan, module), "/heatmap": heatmap}


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


def machine(options: argparse.Namespace, size: int, before: str) -> str:
    """Say what was measured, where and how."""
    command = shlex.join(["python", "-m", "tools.benchmarks.serving", *sys.argv[1:]])
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


if __name__ == "__main__":
    main()
