"""A drill of the alerts: `make drill`, or `python -m tools.benchmarks.drill`. It takes about ten minutes.

It starts the real service with its drift monitor and, if it is installed, Prometheus with the rules of this repository.
It sends normal traffic, a drift, normal traffic again, invalid files with feedback about missed tumors, and a flood.
Then it stops the server. It prints every change of an alert with its time. The exit status is 1 if an expected alert
did not fire, or if a page was sent without an incident.

Alerts use windows of hours. `--speed` divides every duration in the rules and the time between scrapes, evaluations and
drift checks, and so the duration of the drill. It does not change the traffic: an alert that fires after one minute at
speed 10 and 10 scans per second fires after ten minutes at speed 1 and 1 scan per second. The intervals of the service
do not change: the drift monitor exports feedback every 30 seconds, and a process exports its memory every 5 seconds.
"""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from monitoring.drift.simulation.distortions import DRIFTS, SEVERITIES
from monitoring.drift.simulation.load_generator import DriftWatcher, read_folder
from monitoring.drift.simulation.scenarios import KINDS, NONE, choose
from tools.benchmarks.drill.environment import describe_counts, read_counts, running_environment
from tools.benchmarks.drill.incidents import MODULE, IsDone, Traffic, phantom_scans
from tools.benchmarks.drill.prometheus import PrometheusServer
from tools.benchmarks.drill.timeline import Event, Outcome, Phase, Timeline, alert_states, outcomes

MINUTE = 60.0  # seconds at speed 1
DURATION_WITHOUT_ALERTS = 5 * MINUTE  # of a phase if Prometheus is not installed
DRIFT_ALERT, FEATURES_ALERT = "ImipDriftDetected", "ImipFeaturesDrifted"
FLOOD_ALERTS = ("ImipAvailabilityBurnsFast", "ImipAvailabilityBurns", "ImipShedding")
GARBAGE_ALERTS = ("ImipRejectedUploadsSurge", "ImipFalseNegativeRateHigh")
OUTAGE_ALERTS = ("ImipDown", "ImipTargetDown")

Action = Callable[[float, IsDone], str]  # runs for some seconds, or until done; returns a summary


def main() -> None:
    """Run the drill. Print a timeline, and a table in Markdown."""
    options = arguments()
    sources = read_folder(options.data).scans if options.data else phantom_scans()
    if not sources:
        raise SystemExit("The folder holds no readable scan.")
    try:
        choose([scan.label for scan in sources], options.kind, options.severity, 1, np.random.default_rng())
    except ValueError as fault:
        raise SystemExit(f"This drift cannot be caused: {fault}") from fault
    print(introduction(options), flush=True)
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory(prefix="imip-drill-") as folder:
        own_reference = options.data is None
        with running_environment(
            Path(folder), sources, options.workers, options.rate, options.speed, own_reference, rng
        ) as environment:
            drill = Drill(environment.traffic, environment.prometheus, options)
            drill.run()
    print(f"\n{drill.table()}")
    raise SystemExit(int(any(outcome.failed for outcome in drill.outcomes())))


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.benchmarks.drill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="folder of scans to send; by default phantoms")
    parser.add_argument("--kind", choices=[kind for kind in KINDS if kind != NONE], default="blur", help="of the drift")
    parser.add_argument("--severity", type=int, choices=SEVERITIES, default=4, help="of the drift (default 4)")
    parser.add_argument("--speed", type=float, default=10.0, help="factor by which time is compressed (default 10)")
    parser.add_argument("--rate", type=float, default=10.0, help="scans per second (default 10)")
    parser.add_argument("--workers", type=int, default=2, help="of the server (default 2)")
    parser.add_argument("--pictures", type=Path, help="folder for the dashboards as they are before the flood")
    parser.add_argument("--seed", type=int, default=0, help="the same seed sends the same scans")
    options = parser.parse_args()
    if options.speed < 1 or options.rate <= 0:
        parser.error("the speed is 1 or more, the rate above 0")
    return options


def introduction(options: argparse.Namespace) -> str:
    """Describe the drill and its options."""
    command = shlex.join(["python", "-m", "tools.benchmarks.drill", *sys.argv[1:]])
    scans = (
        "Scans of a folder; drift is measured from the shipped reference."
        if options.data
        else "Phantoms, which may be out of distribution; drift is measured from a reference of phantoms."
    )
    speed, rate = options.speed, options.rate
    return (
        f"`{command}`\n\n"
        f"Time is compressed by {speed:g}: durations of the rules, and the time between scrapes, evaluations and drift "
        f"checks. {rate:g} scans per second correspond to {rate / speed:.3g} at speed 1. {scans} The drift: "
        f"{options.kind}, severity {options.severity}. Windows that are longer than the drill contain only the drill.\n"
    )


class Drill:
    """Runs one phase after the other and collects the outcomes."""

    def __init__(self, traffic: Traffic, prometheus: PrometheusServer | None, options: argparse.Namespace) -> None:
        """Without Prometheus there are no alerts, and phases end by time and by the results of drift checks."""
        self._traffic, self._options, self._prometheus = traffic, options, prometheus
        self._phases: list[Phase] = []
        self._timeline = Timeline(partial(alert_states, prometheus) if prometheus else dict, self._print_event)
        self._watcher = DriftWatcher(traffic.url, MODULE)

    def run(self) -> None:
        """Run all phases."""
        kind, severity = self._options.kind, self._options.severity
        steady = self._traffic.steady
        drifting = partial(steady, kind=kind, severity=severity)
        drift_alerts = (DRIFT_ALERT, FEATURES_ALERT) if kind in DRIFTS else (DRIFT_ALERT,)
        with self._timeline:
            self._run_phase(Phase("normal", quiet=True), steady, 20 * MINUTE, ended=lambda: False)
            self._run_phase(
                Phase("drift", drift_alerts), drifting, 90 * MINUTE, ended=lambda: self._watcher.poll() is True
            )
            self._run_phase(Phase("calm", quiet=True), steady, 90 * MINUTE, ended=lambda: self._is_calm(drift_alerts))
            self._run_phase(Phase("garbage", GARBAGE_ALERTS), self._traffic.garbage_and_misses, 90 * MINUTE)
            if self._prometheus and self._options.pictures:
                self._draw(self._prometheus, self._options.pictures)
            self._run_phase(Phase("flood", FLOOD_ALERTS), self._traffic.flood, 20 * MINUTE)
            if self._prometheus:
                self._run_phase(Phase("outage", OUTAGE_ALERTS), self._traffic.outage, 15 * MINUTE)

    def outcomes(self) -> list[Outcome]:
        """Return the outcome of each alert; nothing without Prometheus."""
        return outcomes(self._timeline.events, self._phases) if self._prometheus else []

    def table(self) -> str:
        """Return a table of the outcomes in Markdown."""
        if not self._prometheus:
            return "Prometheus is not installed: **no alerts were tested**."
        rows = [
            f"| phase | alert | severity | fires after, at speed {self._options.speed:g} | at speed 1 | verdict |",
            "|---|---|---|---|---|---|",
        ]
        for outcome in self.outcomes():
            fires = outcome.fires_after
            times = ("", "") if fires is None else (f"{fires:.0f} s", self._at_speed_1(fires))
            cells = outcome.phase.name, outcome.alert, outcome.severity, *times, outcome.verdict
            rows.append(f"| {' | '.join(cells)} |")
        return "\n".join(rows)

    def _run_phase(self, phase: Phase, action: Action, max_seconds: float, ended: IsDone | None = None) -> None:
        """Run a phase until its alerts fire and it has `ended`, at most `max_seconds` at speed 1."""
        if ended is None:  # ends when its alerts fire
            max_seconds = max_seconds if self._prometheus else DURATION_WITHOUT_ALERTS
            ended = self._has_alerts
        expected = phase.expected_alerts if self._prometheus else ()
        phase.start = self._timeline.elapsed
        self._phases.append(phase)
        print(f"{phase.start:7.1f} s  {phase.name.upper()}", flush=True)
        before = read_counts(self._traffic.url)
        summary = action(
            max_seconds / self._options.speed, lambda: ended() and all(map(self._timeline.is_firing, expected))
        )
        phase.end = self._timeline.elapsed
        counts = describe_counts(read_counts(self._traffic.url) - before)
        print(f"{phase.end:7.1f} s  {summary}. {counts} Drift: {self._watcher.verdict}.", flush=True)

    def _has_alerts(self) -> bool:
        return self._prometheus is not None

    def _draw(self, prometheus: PrometheusServer, out: Path) -> None:
        """Draw all dashboards of the drill so far."""
        from tools.dashboards import all_boards
        from tools.dashboards.drawing.render import draw

        out.mkdir(parents=True, exist_ok=True)
        for name, board in all_boards().items():
            draw(board, prometheus.url, self._timeline.elapsed, out / f"{name}.png")

    def _is_calm(self, alerts: Sequence[str]) -> bool:
        return self._watcher.poll() is False and not any(map(self._timeline.is_firing, alerts))

    def _print_event(self, event: Event) -> None:
        """Print a change of an alert, and its delay from the start of the phase that should cause it."""
        phase = next((one for one in self._phases if event.alert in one.expected_alerts), self._phases[-1])
        after = event.at - phase.start
        since = f"{after:6.1f} s ({self._at_speed_1(after)} at speed 1) after {phase.name} began"
        print(f"{event.at:7.1f} s  {event.alert} ({event.severity}) is {event.state}, {since}", flush=True)

    def _at_speed_1(self, seconds: float) -> str:
        return f"{seconds * self._options.speed / 60:.1f} min"


if __name__ == "__main__":
    main()
