"""What the prediction log and the drift monitor cost `/predict`: `python -m tools.benchmarks.monitoring_cost`.

Three real servers stand beside each other: one without the log, one with it, one with the drift monitor as well, which
under this load checks without a pause. They are loaded in turn, round by round, so that a busy machine slows them
alike. What counts are the ratios.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from imip.scan.read import read_scan
from monitoring.drift.simulation.distortions import DRIFTS, SEVERITIES, distort
from tools.benchmarks.server import REPOSITORY, Server, print_progress, serving, throughput

PLAIN, LOGGED, CHECKED = "without the log", "with the log", "with the log and drift checks"
SCANS = 1_000
CLIENTS = 6  # a worker's, so that none of its parts ever waits for work
TARGET = {PLAIN: "tools.benchmarks.unlogged:service"}
SETTINGS = {CHECKED: {"IMIP_DRIFT_MONITOR": "beside"}}
ROOM = {"IMIP_MAX_IN_FLIGHT": "64"}  # should one worker get most of the clients, none is sent away


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.monitoring_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--requests", type=int, default=120, help="of each server in each round")
    parser.add_argument("--data", type=Path, help="folder of scans to send; by default distorted samples")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    scans = scans_of(options.data) if options.data else different_scans()
    loads: dict[str, list[Load]] = {name: [] for name in (PLAIN, LOGGED, CHECKED)}
    checks = []
    with ExitStack() as stack:
        servers = {name: started(stack, name, options.workers) for name in loads}
        throughput(servers[CHECKED], "/predict", scans, len(scans), 4)
        print_progress("Waiting for the first drift check, which loads TensorFlow ...")
        checks.append(wait_for_check(servers[CHECKED]))
        for number in range(options.rounds):
            print_progress(f"round {number + 1} of {options.rounds}")
            sent = np.roll(np.arange(len(scans)), -number * options.requests)[: options.requests]
            for name, server in servers.items():
                loads[name].append(load(server, [scans[index] for index in sent], CLIENTS * options.workers))
            checks.append(wait_for_check(servers[CHECKED]))
    print(table(loads))
    last = checks[-1]
    print(f"Last check: {last['window_size']} against {last['reference_size']} predictions in {last['seconds']:.2f} s;")
    print(f"{len({check['at'] for check in checks})} of {len(checks)} looks found another check.")


class Load(NamedTuple):
    """How a server bore one round."""

    rate: float  # answers a second
    processor: float  # seconds of the API workers for an answer


def load(server: Server, scans: list[bytes], clients: int) -> Load:
    """Send scans twice, the first time to wake every worker."""
    workers = server.workers()
    before = server.processor_seconds(workers)
    rate = throughput(server, "/predict", scans, len(scans), clients)
    return Load(rate, (server.processor_seconds(workers) - before) / (2 * (len(scans) // clients * clients)))


def different_scans() -> list[bytes]:
    """Return many scans that differ as scans of many patients do: a window of one scan is no window."""
    slices = [read_scan(file.read_bytes()).pixels for file in sorted((REPOSITORY / "samples").glob("brain-*.png"))]
    rng = np.random.default_rng(0)
    distorted = [distort(one, kind, severity, rng) for severity in SEVERITIES for kind in DRIFTS for one in slices]
    return [cv2.imencode(".png", one)[1].tobytes() for one in distorted]


def scans_of(folder: Path) -> list[bytes]:
    """Return scans of a folder, spread over it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [file.read_bytes() for file in files[:: max(1, len(files) // SCANS)]]


def started(stack: ExitStack, name: str, workers: int) -> Server:
    """Start one of the servers, with a home of its own."""
    home = stack.enter_context(tempfile.TemporaryDirectory(prefix="imip-bench-"))
    target = TARGET.get(name, "service:service")
    return stack.enter_context(serving(Path(home), workers, target, **ROOM, **SETTINGS.get(name, {})))[0]


def wait_for_check(server: Server) -> dict[str, Any]:
    """Return the latest drift check, once there is one."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        connection = server.connect()
        connection.request("GET", "/drift")
        modules: dict[str, dict[str, Any]] = json.loads(connection.getresponse().read())["modules"]
        connection.close()
        if modules:
            return next(iter(modules.values()))
        time.sleep(0.5)
    raise SystemExit("There was no drift check.")


def table(loads: dict[str, list[Load]]) -> str:
    """Compare each server with the one before it, round by round."""
    rows = [
        "| `/predict` | answers a second | ratio to the line above | processor time an answer | ratio |",
        "|---|---|---|---|---|",
    ]
    above: list[Load] = []
    for name, own in loads.items():
        rates = ratios([one.rate for one in own], [one.rate for one in above])
        times = ratios([one.processor for one in own], [one.processor for one in above])
        rate, processor = (statistics.median(column) for column in zip(*own, strict=True))
        rows.append(f"| {name} | {rate:.0f} | {rates} | {processor * 1000:.2f} ms | {times} |")
        above = own
    return "\n".join(rows) + "\n"


def ratios(own: list[float], above: list[float]) -> str:
    """Return the median of the rounds' ratios, and between which values half of them lie."""
    if not above:
        return ""
    low, middle, high = statistics.quantiles([one / other for one, other in zip(own, above, strict=True)], n=4)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
