"""What the prediction log and the drift monitor cost `/predict`: `python -m benchmarks.oversight`.

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
from typing import Any

import cv2
import numpy as np

from benchmarks.server import REPOSITORY, Server, say, serving, throughput
from monitoring.simulate import DRIFTS, SEVERITIES, distort

PLAIN, LOGGED, WATCHED = "without the log", "with the log", "with the log and drift checks"
TARGET = {PLAIN: "benchmarks.unlogged:service"}
SETTINGS = {WATCHED: {"IMIP_DRIFT_MONITOR": "beside"}}


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.oversight", description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--requests", type=int, default=300, help="of each server in each round")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    scans = different_scans()
    rates: dict[str, list[float]] = {name: [] for name in (PLAIN, LOGGED, WATCHED)}
    checks = []
    with ExitStack() as stack:
        servers = {name: started(stack, name, options.workers) for name in rates}
        throughput(servers[WATCHED], "/predict", scans, len(scans), 4)
        say("Waiting for the first drift check, which loads TensorFlow ...")
        checks.append(wait_for_check(servers[WATCHED]))
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            for name, server in servers.items():
                rates[name].append(throughput(server, "/predict", scans, options.requests, 2 * options.workers))
            checks.append(wait_for_check(servers[WATCHED]))
    print(table(rates))
    last = checks[-1]
    print(f"Last check: {last['window_size']} against {last['reference_size']} findings in {last['seconds']:.2f} s;")
    print(f"{len({check['at'] for check in checks})} of {len(checks)} looks found another check.")


def different_scans() -> list[bytes]:
    """Return many scans that differ as scans of many patients do: a window of one scan is no window."""
    slices = [
        cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in sorted((REPOSITORY / "samples").glob("brain-*.png"))
    ]
    rng = np.random.default_rng(0)
    distorted = [distort(one, kind, severity, rng) for severity in SEVERITIES for kind in DRIFTS for one in slices]
    return [cv2.imencode(".png", one)[1].tobytes() for one in distorted]


def started(stack: ExitStack, name: str, workers: int) -> Server:
    """Start one of the servers, with a home of its own."""
    home = stack.enter_context(tempfile.TemporaryDirectory(prefix="imip-bench-"))
    target = TARGET.get(name, "service:service")
    return stack.enter_context(serving(Path(home), workers, target, **SETTINGS.get(name, {})))[0]


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


def table(rates: dict[str, list[float]]) -> str:
    """Compare each server with the one before it, round by round."""
    rows = [
        "| `/predict` | answers a second | ratio to the line above | quartiles of the rounds |",
        "|---|---|---|---|",
    ]
    above: list[float] = []
    for name, values in rates.items():
        ratios = [one / other for one, other in zip(values, above, strict=True)] if above else []
        low, middle, high = statistics.quantiles(ratios, n=4) if ratios else (1.0, 1.0, 1.0)
        rows.append(f"| {name} | {statistics.median(values):.0f} | {middle:.3f} | {low:.3f} to {high:.3f} |")
        above = values
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
