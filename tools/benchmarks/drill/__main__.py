"""A rehearsal of the alerts: `make rehearsal`, or `python -m tools.benchmarks.drill`. Takes some ten minutes.

Starts the real service with its drift monitor and, where the program is installed, Prometheus with the repository's
rules. Then come normal traffic, a drift, calm, garbage with reports of missed tumors, a flood, and an outage. Printed
is what each alert did and when. The exit status is 1 if an alert that was due did not fire, or if somebody was paged
for nothing.

Alerts look back over hours. So that nobody need wait, `--speed` divides every duration of the rules, the time between
scrapes, evaluations and drift checks, and with them what a rehearsal lasts. The traffic stays: what fires after a
minute at speed 10 and 10 scans a second does so after ten minutes at speed 1 and 1 scan a second. Not sped up are the
service's own times: the drift monitor exports what reviewers said every 30 seconds, a process its memory every 5.
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
from monitoring.drift.simulation.load_generator import Lookout, read_folder
from monitoring.drift.simulation.scenarios import KINDS, NONE, choose
from tools.benchmarks.drill.incidents import MODULE, Done, Traffic, drawn
from tools.benchmarks.drill.prometheus import Observer
from tools.benchmarks.drill.setting import counted, described, staged
from tools.benchmarks.drill.timeline import Event, Outcome, Phase, Timeline, outcomes, states

MINUTE = 60.0  # seconds, which the speed divides
UNWATCHED = 5 * MINUTE  # of a phase whose alerts nobody looks for
DRIFTED, SHIFTED = "ImipDriftDetected", "ImipFeaturesDrifted"
FLOODED = ("ImipAvailabilityBurnsFast", "ImipAvailabilityBurns", "ImipShedding")
SOILED = ("ImipRejectedUploadsSurge", "ImipFalseNegativeRateHigh")
GONE = ("ImipDown", "ImipTargetDown")

Act = Callable[[float, Done], str]  # goes on for so many seconds, or until done; says what came of it


def main() -> None:
    """Rehearse; print a timeline, and a table in Markdown."""
    options = arguments()
    sources = read_folder(options.data).scans if options.data else drawn()
    if not sources:
        raise SystemExit("The folder holds no readable scan.")
    try:
        choose([scan.label for scan in sources], options.kind, options.severity, 1, np.random.default_rng())
    except ValueError as fault:
        raise SystemExit(f"This drift cannot be caused: {fault}") from fault
    print(introduction(options), flush=True)
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory(prefix="imip-rehearsal-") as folder:
        own_reference = options.data is None
        with staged(Path(folder), sources, options.workers, options.rate, options.speed, own_reference, rng) as stage:
            rehearsal = Rehearsal(stage.traffic, stage.observer, options)
            rehearsal.run()
    print(f"\n{rehearsal.table()}")
    raise SystemExit(int(any(outcome.failed for outcome in rehearsal.outcomes())))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.benchmarks.drill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="folder of scans to send; by default drawn heads")
    parser.add_argument("--kind", choices=[kind for kind in KINDS if kind != NONE], default="blur", help="of the drift")
    parser.add_argument("--severity", type=int, choices=SEVERITIES, default=4, help="of the drift (default 4)")
    parser.add_argument("--speed", type=float, default=10.0, help="by which time is compressed (default 10; 1 is not)")
    parser.add_argument("--rate", type=float, default=10.0, help="scans a second (default 10)")
    parser.add_argument("--workers", type=int, default=2, help="of the server (default 2)")
    parser.add_argument("--pictures", type=Path, help="folder for the dashboards as they are before the flood")
    parser.add_argument("--seed", type=int, default=0, help="the same seed sends the same scans")
    options = parser.parse_args()
    if options.speed < 1 or options.rate <= 0:
        parser.error("the speed is 1 or more, the rate above 0")
    return options


def introduction(options: argparse.Namespace) -> str:
    """Say what is rehearsed, and how."""
    command = shlex.join(["python", "-m", "tools.benchmarks.drill", *sys.argv[1:]])
    scans = (
        "Scans of a folder; drift is measured from the shipped reference."
        if options.data
        else "Drawn heads, which the model may rightly find strange; drift is measured from a reference of such heads."
    )
    speed, rate = options.speed, options.rate
    return (
        f"`{command}`\n\n"
        f"Time is compressed by {speed:g}: durations of the rules, and the time between scrapes, evaluations and drift "
        f"checks. {rate:g} scans a second stand for {rate / speed:.3g} at speed 1. {scans} The drift: {options.kind}, "
        f"severity {options.severity}. Windows that are longer than the rehearsal see the rehearsal alone.\n"
    )


class Rehearsal:
    """Phase after phase, and what came of them."""

    def __init__(self, traffic: Traffic, observer: Observer | None, options: argparse.Namespace) -> None:
        """Without an observer there are no alerts, and phases end by the clock and the drift monitor's verdict."""
        self._traffic, self._options, self._observer = traffic, options, observer
        self._phases: list[Phase] = []
        self._timeline = Timeline(partial(states, observer) if observer else dict, self._tell)
        self._lookout = Lookout(traffic.url, MODULE)

    def run(self) -> None:
        """Let everything go wrong, one thing after the other."""
        kind, severity = self._options.kind, self._options.severity
        steady = self._traffic.steady
        drifting = partial(steady, kind=kind, severity=severity)
        looks = (DRIFTED, SHIFTED) if kind in DRIFTS else (DRIFTED,)
        with self._timeline:
            self._hold(Phase("normal", quiet=True), steady, 20 * MINUTE, ended=lambda: False)
            self._hold(Phase("drift", looks), drifting, 90 * MINUTE, ended=lambda: self._lookout.look() is True)
            self._hold(Phase("calm", quiet=True), steady, 90 * MINUTE, ended=lambda: self._is_calm(looks))
            self._hold(Phase("garbage", SOILED), self._traffic.garbage_and_misses, 90 * MINUTE)
            if self._observer and self._options.pictures:
                self._draw(self._observer, self._options.pictures)
            self._hold(Phase("flood", FLOODED), self._traffic.flood, 20 * MINUTE)
            if self._observer:
                self._hold(Phase("outage", GONE), self._traffic.outage, 15 * MINUTE)

    def outcomes(self) -> list[Outcome]:
        """Return what became of each alert; nothing where nobody watched."""
        return outcomes(self._timeline.events, self._phases) if self._observer else []

    def table(self) -> str:
        """Compare what the alerts did with what they had to do, in Markdown."""
        if not self._observer:
            return "Prometheus is not installed: **alerts were not rehearsed**."
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

    def _hold(self, phase: Phase, act: Act, longest: float, ended: Done | None = None) -> None:
        """Go through one phase until its alerts fire and it has `ended`, for so many seconds at speed 1 at most."""
        if ended is None:  # its alerts alone end it
            longest, ended = (longest if self._observer else UNWATCHED), lambda: self._observer is not None
        causes = phase.causes if self._observer else ()
        phase.begin = self._timeline.elapsed
        self._phases.append(phase)
        print(f"{phase.begin:7.1f} s  {phase.name.upper()}", flush=True)
        before = counted(self._traffic.url)
        told = act(longest / self._options.speed, lambda: ended() and all(map(self._timeline.fires, causes)))
        phase.end = self._timeline.elapsed
        after = counted(self._traffic.url)
        print(f"{phase.end:7.1f} s  {told}. {described(after - before)} Drift: {self._lookout.verdict}.", flush=True)

    def _draw(self, observer: Observer, out: Path) -> None:
        """Draw the dashboards of all that was."""
        from tools.dashboards import all_boards
        from tools.dashboards.drawing.render import draw

        out.mkdir(parents=True, exist_ok=True)
        for name, board in all_boards().items():
            draw(board, observer.url, self._timeline.elapsed, out / f"{name}.png")

    def _is_calm(self, alerts: Sequence[str]) -> bool:
        return self._lookout.look() is False and not any(map(self._timeline.fires, alerts))

    def _tell(self, event: Event) -> None:
        """Print what an alert did, and how long after the beginning of what should cause it."""
        phase = next((one for one in self._phases if event.alert in one.causes), self._phases[-1])
        after = event.at - phase.begin
        since = f"{after:6.1f} s ({self._at_speed_1(after)} at speed 1) after {phase.name} began"
        print(f"{event.at:7.1f} s  {event.alert} ({event.severity}) is {event.state}, {since}", flush=True)

    def _at_speed_1(self, seconds: float) -> str:
        return f"{seconds * self._options.speed / 60:.1f} min"


if __name__ == "__main__":
    main()
