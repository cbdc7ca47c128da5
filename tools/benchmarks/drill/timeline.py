"""The timeline of alerts in a drill: when each was pending, firing and resolved, and whether this was expected.

Alerts with the same name count as one alert, which is firing if any of them is.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import httpx

from tools.benchmarks.drill.prometheus import PrometheusServer

POLL_SECONDS = 0.5

State = Literal["pending", "firing", "resolved"]


@dataclass(slots=True)
class Phase:
    """A period of a drill with one incident, or none. Times are in seconds since the start of the drill."""

    name: str
    expected_alerts: tuple[str, ...] = ()
    quiet: bool = False  # no incident, so a page would be false
    start: float = 0.0
    end: float = 0.0


@dataclass(frozen=True, slots=True)
class Event:
    """A change of state of an alert."""

    at: float
    alert: str
    severity: str
    state: State


@dataclass(slots=True)
class Episode:
    """One alert from pending or firing until resolved."""

    alert: str
    severity: str
    starts_at: float
    fires_at: float | None = None
    resolved_at: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for an alert that was expected or that fired."""

    alert: str
    severity: str
    phase: Phase  # that should cause it; for an unexpected alert, the phase in which it started
    episode: Episode | None
    verdict: Literal["as expected", "did not fire", "fired before its cause", "false page", "fired as well"]

    @property
    def fires_after(self) -> float | None:
        """Seconds from the start of the phase until the alert fired."""
        if self.episode is None or self.episode.fires_at is None:
            return None
        return self.episode.fires_at - self.phase.start

    @property
    def failed(self) -> bool:
        return self.verdict in ("did not fire", "fired before its cause", "false page")


States = Mapping[str, tuple[str, State]]  # severity and state by alert


class Timeline:
    """Records changes of alerts in a thread until the block ends."""

    def __init__(self, read_states: Callable[[], States], on_event: Callable[[Event], None]) -> None:
        """`read_states` returns the pending and firing alerts; `on_event` is called for each change."""
        self.events: list[Event] = []
        self._read_states, self._on_event = read_states, on_event
        self._states: States = {}
        self._start = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timeline", daemon=True)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._start

    def is_firing(self, alert: str) -> bool:
        """Return whether an alert is firing now."""
        return self._states.get(alert, ("", "resolved"))[1] == "firing"

    def __enter__(self) -> "Timeline":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self._update(self._read_states())
            except httpx.TransportError:  # may be overloaded; try again
                continue

    def _update(self, states: States) -> None:
        at, before, self._states = self.elapsed, self._states, states
        for alert in sorted(states.keys() | before.keys()):
            if states.get(alert) != before.get(alert):
                severity, state = states.get(alert, (before[alert][0] if alert in before else "", "resolved"))
                event = Event(at, alert, severity, state)
                self.events.append(event)
                self._on_event(event)


def alert_states(prometheus: PrometheusServer) -> States:
    """Return the pending and firing alerts of a Prometheus server."""
    found: dict[str, tuple[str, State]] = {}
    for alert in prometheus.alerts():
        name, state = alert["labels"]["alertname"], alert["state"]
        if name not in found or state == "firing":
            found[name] = alert["labels"]["severity"], state
    return found


def episodes(events: Sequence[Event]) -> list[Episode]:
    """Group events into episodes, in the order of their starts."""
    found: list[Episode] = []
    current: dict[str, Episode] = {}
    for event in events:
        if event.alert not in current:
            current[event.alert] = Episode(event.alert, event.severity, event.at)
            found.append(current[event.alert])
        if event.state == "firing":
            current[event.alert].fires_at = event.at
        if event.state == "resolved":
            current.pop(event.alert).resolved_at = event.at
    return found


def outcomes(events: Sequence[Event], phases: Sequence[Phase]) -> list[Outcome]:
    """Return the outcome of every alert that was expected or fired, phase by phase."""
    fired = [episode for episode in episodes(events) if episode.fires_at is not None]
    results: list[Outcome] = []
    for phase in phases:
        for alert in phase.expected_alerts:
            results.append(_expected(alert, phase, fired))
    expected = [id(outcome.episode) for outcome in results]
    results += [_unexpected(episode, phases) for episode in fired if id(episode) not in expected]
    return sorted(results, key=lambda outcome: phases.index(outcome.phase))


def _expected(alert: str, phase: Phase, fired: Sequence[Episode]) -> Outcome:
    matching = [episode for episode in fired if episode.alert == alert]
    matching = [episode for episode in matching if episode.resolved_at is None or episode.resolved_at > phase.start]
    if not matching:
        return Outcome(alert, "", phase, None, "did not fire")
    first = matching[0]
    early = first.fires_at is not None and first.fires_at < phase.start
    return Outcome(alert, first.severity, phase, first, "fired before its cause" if early else "as expected")


def _unexpected(episode: Episode, phases: Sequence[Phase]) -> Outcome:
    phase = next((phase for phase in reversed(phases) if phase.start <= episode.starts_at), phases[0])
    quiet = [phase for phase in phases if phase.quiet and phase.start <= (episode.fires_at or 0.0) <= phase.end]
    is_false = bool(quiet) and episode.severity == "page"
    return Outcome(episode.alert, episode.severity, phase, episode, "false page" if is_false else "fired as well")
