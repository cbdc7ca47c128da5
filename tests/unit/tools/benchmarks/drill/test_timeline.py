"""A timeline of alerts is told and judged as an operator would."""

import pytest

from tests.support.server import wait_for
from tools.benchmarks.drill import timeline as timeline_module
from tools.benchmarks.drill.timeline import Event, Outcome, Phase, State, Timeline, episodes, outcomes

NORMAL = Phase("normal", quiet=True, start=0, end=100)
FLOOD = Phase("flood", ("Shedding",), start=100, end=200)
CALM = Phase("calm", start=200, end=300)
PHASES = [NORMAL, FLOOD, CALM]


def history(alert: str, *changes: tuple[float, State], severity: str = "ticket") -> list[Event]:
    return [Event(at, alert, severity, state) for at, state in changes]


def judged(*events: Event) -> Outcome:
    (outcome,) = outcomes(sorted(events, key=lambda event: event.at), PHASES)
    return outcome


def test_an_alert_that_is_due_is_timed_from_its_cause() -> None:
    outcome = judged(*history("Shedding", (110, "pending"), (150, "firing"), (240, "resolved")))
    assert (outcome.verdict, outcome.phase.name, outcome.fires_after, outcome.failed) == (
        "as expected",
        "flood",
        50,
        False,
    )


def test_one_that_fires_after_its_phase_is_still_due() -> None:
    assert judged(*history("Shedding", (190, "pending"), (250, "firing"))).verdict == "as expected"


def test_one_that_stays_away_fails() -> None:
    outcome = judged(*history("Shedding", (110, "pending"), (120, "resolved")))
    assert (outcome.verdict, outcome.fires_after, outcome.failed) == ("did not fire", None, True)


def test_one_that_fired_before_its_cause_proves_nothing() -> None:
    assert judged(*history("Shedding", (10, "pending"), (50, "firing"))).verdict == "fired before its cause"


def test_one_that_was_over_before_its_cause_may_come_again() -> None:
    events = history("Shedding", (10, "firing"), (50, "resolved"), (120, "firing"))
    due, early = outcomes(events, PHASES)[::-1]
    assert (due.verdict, due.fires_after) == ("as expected", 20)
    assert (early.verdict, early.phase.name) == ("fired as well", "normal")


def test_a_page_while_nothing_is_wrong_fails_and_a_ticket_does_not() -> None:
    due = history("Shedding", (110, "firing"))
    for severity, verdict in (("page", "false page"), ("ticket", "fired as well")):
        other, _ = outcomes(history("Down", (20, "pending"), (30, "firing"), severity=severity) + due, PHASES)
        assert (other.alert, other.verdict, other.failed) == ("Down", verdict, severity == "page")


def test_a_page_in_trouble_is_told_where_it_began() -> None:
    page = history("Down", (150, "pending"), (250, "firing"), severity="page")
    _, other = outcomes([*history("Shedding", (110, "firing")), *page], PHASES)
    assert (other.verdict, other.phase.name, other.fires_after) == ("fired as well", "flood", 150)


def test_an_alert_that_was_only_pending_is_an_episode_and_no_outcome() -> None:
    events = [*history("Shedding", (110, "firing")), *history("Down", (120, "pending"), (130, "resolved"))]
    assert {episode.alert for episode in episodes(events)} == {"Shedding", "Down"}
    assert [outcome.alert for outcome in outcomes(events, PHASES)] == ["Shedding"]


def test_a_timeline_tells_each_change_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_module, "POLL_SECONDS", 0.01)
    looks: list[dict[str, tuple[str, State]]] = [
        {}, {"Down": ("page", "pending")}, {"Down": ("page", "pending")}, {"Down": ("page", "firing")}, {},
    ]  # fmt: skip
    told: list[Event] = []
    with Timeline(lambda: looks.pop(0) if looks else {}, told.append) as timeline:
        wait_for(lambda: not looks)
        wait_for(lambda: len(told) == 3)
        assert not timeline.is_firing("Down")
    assert [(event.severity, event.state) for event in told] == [
        ("page", "pending"),
        ("page", "firing"),
        ("page", "resolved"),
    ]
    assert told == timeline.events
