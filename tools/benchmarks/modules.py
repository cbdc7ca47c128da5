"""What each analysis module costs: `python -m tools.benchmarks.modules`, and at the end of `make bench`.

Each module gets a process of its own that loads nothing else; one process loads none, one all. Memory and time to start
are told as what a module adds to the process that loaded none. Latencies are taken in turn with those of the module
that is served by default, so that a busy machine slows both alike; only their ratio travels from machine to machine.
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

from tools.benchmarks.server import REPOSITORY, say, seconds
from tools.benchmarks.serving import MODULE, load_average, processor, quantiles

MODELS = REPOSITORY / "models"
WORK = ("predict", "heatmap")
WARM_UP = 20  # answers before anything is measured
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of a process that has given its first answers. Seconds from its start; memory in MiB."""

    seconds: float
    resident: float
    own: float  # unique set: what would be freed if the process ended


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds of one kind of work by a module and, in turn, by the default one."""

    module: list[float]
    default: list[float]

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return statistics.median(self.module) / statistics.median(self.default)


@dataclass(frozen=True, slots=True)
class Host:
    """A process that holds some modules, and works when asked."""

    process: BaseProcess
    pipe: Connection
    started: float

    def wait(self) -> Footprint:
        """Wait for its first answers."""
        self.pipe.recv()
        taken = time.perf_counter() - self.started
        memory = psutil.Process(self.process.pid).memory_full_info()
        return Footprint(taken, memory.rss / MEBIBYTE, memory.uss / MEBIBYTE)

    def work(self, kind: str) -> float:
        """Have all its modules do one kind of work, and return the seconds that it took there."""
        self.pipe.send(kind)
        return float(self.pipe.recv())


def main() -> None:
    """Measure and print a report in Markdown."""
    options = arguments()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a worker; the processes inherit it
    scan, before = options.scan.read_bytes(), load_average()
    names = shipped()
    none = footprint((), scan, options.starts)
    sets = {**{name: (name,) for name in names}, "all together": names}
    footprints = {name: footprint(modules, scan, options.starts) for name, modules in sets.items()}
    pairs = {name: alternate(name, scan, options.answers) for name in names}
    print(machine(options, len(scan), before))
    print(footprint_table(none, footprints))
    print(latency_table(pairs))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.modules", description=__doc__)
    parser.add_argument("--answers", type=int, default=200, help="of each module and kind (default 200)")
    parser.add_argument("--starts", type=int, default=5, help="of each process, of which the median counts (default 5)")
    parser.add_argument("--scan", type=Path, default=REPOSITORY / "samples" / "brain-axial.png")
    return parser.parse_args()


def shipped() -> tuple[str, ...]:
    """Name the modules that have an artifact."""
    return tuple(sorted(folder.parent.name for folder in MODELS.glob("*/card.yaml")))


def footprint(modules: Sequence[str], scan: bytes, starts: int) -> Footprint:
    """Start a process with these modules some times, once more to warm the file cache; return the median of each."""
    say(f"Starting a process with {', '.join(modules) or 'no module'} ...")
    measured = []
    for _ in range(1 + starts):
        with hosting(modules, scan) as host:
            measured.append(host.wait())
    names = [field.name for field in fields(Footprint)]
    return Footprint(**{name: statistics.median(getattr(one, name) for one in measured[1:]) for name in names})


def alternate(module: str, scan: bytes, count: int) -> dict[str, Pair]:
    """Have a module work, then the default one, and again, each in its own process."""
    say(f"{count} answers of {module} and of {MODULE}, of each kind ...")
    with hosting([module], scan) as one, hosting([MODULE], scan) as default:
        one.wait()
        default.wait()
        return {kind: take_turns(one, default, kind, count) for kind in WORK}


def take_turns(one: Host, default: Host, kind: str, count: int) -> Pair:
    taken = [(one.work(kind), default.work(kind)) for _ in range(WARM_UP + count)][WARM_UP:]
    return Pair([pair[0] for pair in taken], [pair[1] for pair in taken])


@contextmanager
def hosting(modules: Sequence[str], scan: bytes) -> Iterator[Host]:
    """Run a process that loads these modules and lets each answer once, until the block ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=host, args=(theirs, tuple(modules), scan), daemon=True)
    started = time.perf_counter()
    process.start()
    theirs.close()  # so that the end of the process is noticed here
    try:
        yield Host(process, ours, started)
    finally:
        process.terminate()
        process.join()


def host(pipe: Connection, names: Sequence[str], scan: bytes) -> None:
    """Load modules as a worker does, answer once with each, then work whenever asked."""
    from imip.explain.explanation import explain
    from imip.inference.features import image_features
    from imip.inference.predictor import analyse
    from imip.modules import load
    from imip.scan.read import read_scan
    from serving.worker.process import harden

    harden()
    image_features(read_scan(scan))  # what a process needs whatever it loads
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
        pipe.send(seconds(work[pipe.recv()]))


def machine(options: argparse.Namespace, size: int, before: str) -> str:
    """Say what was measured, where and how."""
    command = shlex.join(["python", "-m", "tools.benchmarks.modules", *sys.argv[1:]])
    return (
        f"`{command}`\n\n{processor()}, {os.cpu_count()} cores, load {before} before the run; {platform.system()}, "
        f"Python {platform.python_version()}. Scan: {options.scan.name}, {size} bytes, to every module.\n"
    )


def footprint_table(none: Footprint, footprints: Mapping[str, Footprint]) -> str:
    """Say what a process without modules takes, then one row a process with some: what it takes more."""
    rows = [
        f"A process without modules is ready after {none.seconds:.2f} s and holds {none.resident:.1f} MiB, "
        f"{none.own:.1f} MiB of them its own. What modules add, first answer included:\n",
        "| modules | time to start | resident memory | of that its own |",
        "|---|---:|---:|---:|",
    ]
    rows += [
        f"| {name} | {one.seconds - none.seconds:+.2f} s | {one.resident - none.resident:+.1f} MiB "
        f"| {one.own - none.own:+.1f} MiB |"
        for name, one in footprints.items()
    ]
    return "\n".join(rows) + "\n"


def latency_table(pairs: Mapping[str, Mapping[str, Pair]]) -> str:
    """One row a module and kind of work. The default module stands beside a second process of itself."""
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
