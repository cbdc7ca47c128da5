"""What each alert did while a rehearsal went on: when it was pending, fired and ended, and whether it should have.

Alerts of one name count as one, which is in the gravest state of any of them.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import httpx

from tools.benchmarks.drill.prometheus import Observer

POLL_SECONDS = 0.5

State = Literal["pending", "firing", "over"]


@dataclass(slots=True)
class Phase:
    """A time in which one thing is wrong, or nothing. Times are seconds since the rehearsal's beginning."""

    name: str
    causes: tuple[str, ...] = ()  # alerts that it must raise
    quiet: bool = False  # nothing is wrong, so that nobody may be paged
    begin: float = 0.0
    end: float = 0.0


@dataclass(frozen=True, slots=True)
class Event:
    """An alert changed its state."""

    at: float
    alert: str
    severity: str
    state: State


@dataclass(slots=True)
class Episode:
    """One alert, from where its condition held until it did no more."""

    alert: str
    severity: str
    begins_at: float
    fires_at: float | None = None
    over_at: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an alert that was expected, or that fired without being."""

    alert: str
    severity: str
    phase: Phase  # that had to cause it; of one that was not expected, in which it began
    episode: Episode | None
    verdict: Literal["as expected", "did not fire", "fired before its cause", "false page", "fired as well"]

    @property
    def fires_after(self) -> float | None:
        """Seconds from the beginning of the phase."""
        if self.episode is None or self.episode.fires_at is None:
            return None
        return self.episode.fires_at - self.phase.begin

    @property
    def failed(self) -> bool:
        return self.verdict in ("did not fire", "fired before its cause", "false page")


States = Mapping[str, tuple[str, State]]  # severity and state by alert


class Timeline:
    """Follows alerts in a thread of its own, for as long as a block lasts."""

    def __init__(self, look: Callable[[], States], tell: Callable[[Event], None]) -> None:
        """`look` returns the alerts that are pending or fire now; `tell` is called for each change."""
        self.events: list[Event] = []
        self._look, self._tell = look, tell
        self._now: States = {}
        self._begin = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timeline", daemon=True)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._begin

    def fires(self, alert: str) -> bool:
        """Tell whether an alert fires now."""
        return self._now.get(alert, ("", "over"))[1] == "firing"

    def __enter__(self) -> "Timeline":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self._follow(self._look())
            except httpx.TransportError:  # one that is starved of processor time may answer the next time
                continue

    def _follow(self, found: States) -> None:
        at, before, self._now = self.elapsed, self._now, found
        for alert in sorted(found.keys() | before.keys()):
            if found.get(alert) != before.get(alert):
                severity, state = found.get(alert, (before[alert][0] if alert in before else "", "over"))
                event = Event(at, alert, severity, state)
                self.events.append(event)
                self._tell(event)


def states(observer: Observer) -> States:
    """Return the alerts of a Prometheus that are pending or fire."""
    found: dict[str, tuple[str, State]] = {}
    for alert in observer.alerts():
        name, state = alert["labels"]["alertname"], alert["state"]
        if name not in found or state == "firing":
            found[name] = alert["labels"]["severity"], state
    return found


def episodes(events: Sequence[Event]) -> list[Episode]:
    """Put what happened to each alert together, in the order in which they began."""
    made: list[Episode] = []
    current: dict[str, Episode] = {}
    for event in events:
        if event.alert not in current:
            current[event.alert] = Episode(event.alert, event.severity, event.at)
            made.append(current[event.alert])
        if event.state == "firing":
            current[event.alert].fires_at = event.at
        if event.state == "over":
            current.pop(event.alert).over_at = event.at
    return made


def outcomes(events: Sequence[Event], phases: Sequence[Phase]) -> list[Outcome]:
    """Judge every alert that was expected or fired, phase by phase."""
    fired = [episode for episode in episodes(events) if episode.fires_at is not None]
    judged: list[Outcome] = []
    for phase in phases:
        for alert in phase.causes:
            judged.append(_expected(alert, phase, fired))
    answered = [id(outcome.episode) for outcome in judged]
    judged += [_unexpected(episode, phases) for episode in fired if id(episode) not in answered]
    return sorted(judged, key=lambda outcome: phases.index(outcome.phase))


def _expected(alert: str, phase: Phase, fired: Sequence[Episode]) -> Outcome:
    own = [episode for episode in fired if episode.alert == alert]
    own = [episode for episode in own if episode.over_at is None or episode.over_at > phase.begin]
    if not own:
        return Outcome(alert, "", phase, None, "did not fire")
    first = own[0]
    early = first.fires_at is not None and first.fires_at < phase.begin
    return Outcome(alert, first.severity, phase, first, "fired before its cause" if early else "as expected")


def _unexpected(episode: Episode, phases: Sequence[Phase]) -> Outcome:
    phase = next((phase for phase in reversed(phases) if phase.begin <= episode.begins_at), phases[0])
    quiet = [phase for phase in phases if phase.quiet and phase.begin <= (episode.fires_at or 0.0) <= phase.end]
    false = bool(quiet) and episode.severity == "page"
    return Outcome(episode.alert, episode.severity, phase, episode, "false page" if false else "fired as well")
