"""The memory, start time and latency of each analysis module: `python -m tools.benchmarks.modules`, or `make bench`.

Each module is loaded in a separate process; one more process loads no module, and one loads all. Memory and start time
are reported as the difference from the process without modules. Calls of a module alternate with calls of the default
module, so that a busy machine slows both equally. Only their ratio is comparable between machines.
"""

import argparse
import multiprocessing
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from tools.benchmarks.server import REPOSITORY, print_progress, time_call
from tools.benchmarks.serving import MODULE, load_average, processor, quantiles

MODELS = REPOSITORY / "models"
WORK = ("predict", "heatmap")
WARM_UP = 20  # calls before the measurement
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Footprint:
    """Start time in seconds and memory in MiB of a process after its first predictions."""

    seconds: float
    resident: float
    unique: float  # unique set size: memory that is freed when the process ends


@dataclass(frozen=True, slots=True)
class Pair:
    """Alternating times of a module and of the default module, in seconds."""

    module: list[float]
    default: list[float]

    @property
    def ratio(self) -> float:
        """The ratio of the medians."""
        return statistics.median(self.module) / statistics.median(self.default)


@dataclass(frozen=True, slots=True)
class ModuleProcess:
    """A process that has loaded some modules and runs them on request."""

    process: BaseProcess
    pipe: Connection
    start: float  # time of its start

    def wait(self) -> Footprint:
        """Wait for its first predictions."""
        self.pipe.recv()
        taken = time.perf_counter() - self.start
        memory = psutil.Process(self.process.pid).memory_full_info()
        return Footprint(taken, memory.rss / MEBIBYTE, memory.uss / MEBIBYTE)

    def work(self, kind: str) -> float:
        """Run all its modules once and return the time in seconds."""
        self.pipe.send(kind)
        return float(self.pipe.recv())


def main() -> None:
    """Measure and print a report in Markdown."""
    options = arguments()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a worker; the processes inherit it
    scan, before = options.scan.read_bytes(), load_average()
    names = shipped_modules()
    none = measure_footprint((), scan, options.starts)
    sets = {**{name: (name,) for name in names}, "all together": names}
    footprints = {name: measure_footprint(modules, scan, options.starts) for name, modules in sets.items()}
    pairs = {name: alternate(name, scan, options.answers) for name in names}
    print(machine(options, len(scan), before))
    print(footprint_table(none, footprints))
    print(latency_table(pairs))


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.modules", description=__doc__)
    parser.add_argument("--answers", type=int, default=200, help="of each module and kind (default 200)")
    parser.add_argument("--starts", type=int, default=5, help="of each process, of which the median counts (default 5)")
    parser.add_argument("--scan", type=Path, default=REPOSITORY / "samples" / "brain-axial.png")
    return parser.parse_args()


def shipped_modules() -> tuple[str, ...]:
    """Return the modules that have an artifact."""
    return tuple(sorted(folder.parent.name for folder in MODELS.glob("*/card.yaml")))


def measure_footprint(modules: Sequence[str], scan: bytes, starts: int) -> Footprint:
    """Start a process with these modules several times and return the medians. The first start is a warm-up."""
    print_progress(f"Starting a process with {', '.join(modules) or 'no module'} ...")
    measured = []
    for _ in range(1 + starts):
        with module_process(modules, scan) as process:
            measured.append(process.wait())
    names = [field.name for field in fields(Footprint)]
    return Footprint(**{name: statistics.median(getattr(one, name) for one in measured[1:]) for name in names})


def alternate(module: str, scan: bytes, count: int) -> dict[str, Pair]:
    """Measure a module and the default module alternately, each in its own process."""
    print_progress(f"{count} answers of {module} and of {MODULE}, of each kind ...")
    with module_process([module], scan) as tested, module_process([MODULE], scan) as default:
        tested.wait()
        default.wait()
        return {kind: measure_pair(tested, default, kind, count) for kind in WORK}


def measure_pair(tested: ModuleProcess, default: ModuleProcess, kind: str, count: int) -> Pair:
    taken = [(tested.work(kind), default.work(kind)) for _ in range(WARM_UP + count)][WARM_UP:]
    return Pair([pair[0] for pair in taken], [pair[1] for pair in taken])


@contextmanager
def module_process(modules: Sequence[str], scan: bytes) -> Iterator[ModuleProcess]:
    """Run a process that loads these modules and runs each once. It is terminated when the block ends."""
    context = multiprocessing.get_context("spawn")
    parent_end, child_end = context.Pipe()
    process = context.Process(target=run_modules, args=(child_end, tuple(modules), scan), daemon=True)
    start = time.perf_counter()
    process.start()
    child_end.close()  # otherwise recv() would not detect the end of the process
    try:
        yield ModuleProcess(process, parent_end, start)
    finally:
        process.terminate()
        process.join()


def run_modules(pipe: Connection, names: Sequence[str], scan: bytes) -> None:
    """Load modules as a worker does, run each once, then run them for each request."""
    from imip.explain.explanation import explain
    from imip.inference.features import image_features
    from imip.inference.predictor import analyse
    from imip.modules import load
    from imip.scan.read import read_scan
    from serving.worker.process import harden

    harden()
    image_features(read_scan(scan))  # loads what every process needs
    modules = [load(MODELS / name) for name in names]

    def predict() -> object:
        return [analyse(scan, module) for module in modules]

    def heatmap() -> object:
        analyses = [analyse(scan, module) for module in modules]
        return [explain(analysis).overlay for analysis in analyses]

    predict()
    pipe.send("ready")
    work = {"predict": predict, "heatmap": heatmap}
    while True:
        pipe.send(time_call(work[pipe.recv()]))


def machine(options: argparse.Namespace, size: int, before: str) -> str:
    """Describe the measurement and the machine."""
    command = shlex.join(["python", "-m", "tools.benchmarks.modules", *sys.argv[1:]])
    return (
        f"`{command}`\n\n{processor()}, {os.cpu_count()} cores, load {before} before the run; {platform.system()}, "
        f"Python {platform.python_version()}. Scan: {options.scan.name}, {size} bytes, to every module.\n"
    )


def footprint_table(none: Footprint, footprints: Mapping[str, Footprint]) -> str:
    """Describe the process without modules, and return a table of what the modules of each process add."""
    rows = [
        f"A process without modules is ready after {none.seconds:.2f} s and holds {none.resident:.1f} MiB, "
        f"{none.unique:.1f} MiB of them its own. What modules add, first answer included:\n",
        "| modules | time to start | resident memory | of that its own |",
        "|---|---:|---:|---:|",
    ]
    rows += [
        f"| {name} | {one.seconds - none.seconds:+.2f} s | {one.resident - none.resident:+.1f} MiB "
        f"| {one.unique - none.unique:+.1f} MiB |"
        for name, one in footprints.items()
    ]
    return "\n".join(rows) + "\n"


def latency_table(pairs: Mapping[str, Mapping[str, Pair]]) -> str:
    """Return a table with one row per module and kind. The default module is compared with itself."""
    rows = [
        f"| one at a time, in process | p50 | p95 | p50 beside {MODULE}'s |",
        "|---|---:|---:|---:|",
    ]
    for name, kinds in pairs.items():
        for kind, pair in kinds.items():
            p50, p95 = quantiles(pair.module)
            rows.append(f"| {name}, {kind} | {p50:.2f} ms | {p95:.2f} ms | {pair.ratio:.2f} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
