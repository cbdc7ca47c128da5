"""The overhead of serving compared with the analysis alone: `python -m tools.benchmarks.serving`, or `make bench`.

It starts the real server and measures, with the same scan and in one run: the analysis in this process and over HTTP,
throughput, memory and start time. Calls in this process and over HTTP alternate, so that a busy machine slows both
equally. Only their ratios are comparable between machines.
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

from tools.benchmarks.server import REPOSITORY, Memory, Server, post, print_progress, serving, throughput, time_call

MODULE = "brain-tumor"
WARM_UP = 20  # requests before the measurement
PACKAGES = ("bentoml", "ai-edge-litert", "numpy", "opencv-python", "pydicom")


def main() -> None:
    """Measure and print a report in Markdown."""
    options = arguments()
    scan = options.scan.read_bytes()
    before = load_average()
    local = local_calls(scan)
    with tempfile.TemporaryDirectory(prefix="imip-bench-") as folder:
        home = Path(folder)
        print_progress("Starting the server with an empty home ...")
        with serving(home, options.workers) as (_, cold):
            pass
        print_progress("Starting it again ...")
        with serving(home, options.workers) as (server, warm):
            print_progress(f"{options.requests} requests one after another, of each kind ...")
            pairs = {route: alternate(call, server, route, scan, options.requests) for route, call in local.items()}
            clients = 2 * options.workers
            print_progress(f"{options.requests} requests of each kind from {clients} clients ...")
            rates = {route: throughput(server, route, [scan], options.requests, clients) for route in local}
            memory = server.memory()
    print(machine(options, len(scan), before))
    print(latency_table(pairs))
    print(throughput_table(pairs, rates, options.workers))
    print(memory_table(memory))
    print(f"Ready to serve after {cold:.1f} s with an empty home, {warm:.1f} s afterwards.")


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.serving", description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="of each kind and way (default 200)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of the server (default: one a core)")
    parser.add_argument("--scan", type=Path, default=REPOSITORY / "samples" / "brain-axial.png")
    return parser.parse_args()


def local_calls(scan: bytes) -> dict[str, Callable[[], object]]:
    """Return the work of a worker by route, as functions for this process. They use one thread, like a worker."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # must be set before NumPy is imported
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
    """Alternating times in this process and over HTTP, in seconds."""

    local: list[float]
    http: list[float]
    local_processor: float  # total processor time in seconds, without waiting
    http_processor: float  # of all processes of the server


def alternate(call: Callable[[], object], server: Server, route: str, scan: bytes, count: int) -> Pair:
    """Call a function and send a request alternately, on one connection."""
    connection = server.connect()
    local, remote, local_used = [], [], 0.0
    for _ in range(WARM_UP):
        call()
        post(connection, route, scan)
    server_used = server.processor_seconds()
    for _ in range(count):
        local_used -= time.process_time()
        local.append(time_call(call))
        local_used += time.process_time()
        remote.append(time_call(lambda: post(connection, route, scan)))
    connection.close()
    return Pair(local, remote, local_used, server.processor_seconds() - server_used)


def machine(options: argparse.Namespace, size: int, before: str) -> str:
    """Describe the measurement and the machine."""
    command = shlex.join(["python", "-m", "tools.benchmarks.serving", *sys.argv[1:]])
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"`{command}`\n\n{processor()}, {os.cpu_count()} cores, load {before} before the run; {platform.system()}, "
        f"Python {platform.python_version()}, {packages}. Scan: {options.scan.name}, {size} bytes. "
        f"{options.workers} workers; client and server share the machine.\n"
    )


def processor() -> str:
    """Return the name of the processor, or at least its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load_average() -> str:
    """Return the load average of the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def latency_table(pairs: dict[str, Pair]) -> str:
    """Return a table of latencies with one connection."""
    rows = ["| one at a time | p50 | p95 | processor time |", "|---|---|---|---|"]
    for route, pair in pairs.items():
        count = len(pair.local)
        local = (*quantiles(pair.local), pair.local_processor / count * 1000)
        remote = (*quantiles(pair.http), pair.http_processor / count * 1000)
        added = [
            f"{with_ - without:+.2f} ms ({(with_ - without) / without:+.0%})"
            for without, with_ in zip(local, remote, strict=True)
        ]
        rows.append(f"| `{route}` in process | {' | '.join(f'{value:.2f} ms' for value in local)} |")
        rows.append(f"| `{route}` over HTTP | {' | '.join(f'{value:.2f} ms' for value in remote)} |")
        rows.append(f"| HTTP adds | {' | '.join(added)} |")
    return "\n".join(rows) + "\n"


def quantiles(samples: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile in milliseconds."""
    return statistics.median(samples) * 1000, statistics.quantiles(samples, n=20, method="inclusive")[18] * 1000


def throughput_table(pairs: dict[str, Pair], rates: dict[str, float], workers: int) -> str:
    """Return a table of throughput, compared with workers that only analyse."""
    rows = [
        f"| {2 * workers} clients at once | answers a second | of {workers} cores that only analyse |",
        "|---|---|---|",
    ]
    for route, rate in rates.items():
        maximum = workers / statistics.median(pairs[route].local)
        rows.append(f"| `{route}` | {rate:.0f} | {rate / maximum:.0%} |")
    return "\n".join(rows) + "\n"


def memory_table(memory: list[Memory]) -> str:
    """Return a table with one row per process."""
    rows = ["| process | resident | with shared pages by their share |", "|---|---|---|"]
    rows += [f"| {one.name} | {one.resident:.0f} MiB | {mebibytes(one.proportional)} |" for one in memory]
    if all(one.proportional is not None for one in memory):
        rows.append(f"| together | | {mebibytes(sum(one.proportional or 0 for one in memory))} |")
    return "\n".join(rows) + "\n"


def mebibytes(value: float | None) -> str:
    """Format a size, which may be unknown."""
    return "unknown" if value is None else f"{value:.0f} MiB"


if __name__ == "__main__":
    main()
