"""Drift reports: due when a drift begins and daily, the newest of each module kept."""

import gzip
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, delete, insert

from monitoring.drift import checks
from monitoring.drift.checker import Comparison
from monitoring.drift.checks import Check
from monitoring.drift.reference import Reference
from monitoring.drift.window import Window
from monitoring.performance.types import WeekPerformance
from monitoring.reports import store
from monitoring.tables import drift_reports
from tests.support.drift import CARD, CHECK, check_of
from tests.support.logged import AT, log, prediction
from tests.support.report import predictions

CALM = check_of(())
MODULE = CHECK.module


def later(hours: float, check: Check = CALM) -> Check:
    return replace(check, at=AT + timedelta(hours=hours))


def keep(database: Engine, check: Check) -> None:
    """Keep a check and a report about it."""
    checks.keep(database, check)
    row = {"module": check.module, "made_at": check.at, "html": b"page"}
    with database.begin() as connection:
        connection.execute(delete(drift_reports).where(drift_reports.c.module == check.module))
        connection.execute(insert(drift_reports), [row])


def test_a_report_is_due_at_the_first_check_and_until_there_is_one(database: Engine) -> None:
    assert store.is_due(database, CALM, None)
    assert store.is_due(database, later(1), CALM)
    keep(database, replace(CALM, module="another"))
    assert store.is_due(database, later(1), CALM)
    keep(database, later(0))
    assert not store.is_due(database, later(1), CALM)


def test_a_report_is_due_when_a_drift_begins_and_not_while_it_lasts(database: Engine) -> None:
    keep(database, later(0))
    assert store.is_due(database, later(1, CHECK), later(0))
    keep(database, later(1, CHECK))
    assert not store.is_due(database, later(2, CHECK), later(1, CHECK))
    assert not store.is_due(database, later(3), later(2, CHECK))
    assert store.is_due(database, later(4, CHECK), later(3))


def test_a_report_that_could_not_be_made_when_a_drift_began_stays_due(database: Engine) -> None:
    keep(database, later(0))
    checks.keep(database, later(1, CHECK))
    assert store.is_due(database, later(2, CHECK), later(1, CHECK))


def test_a_report_is_due_when_the_newest_is_a_day_old(database: Engine) -> None:
    keep(database, later(0))
    assert not store.is_due(database, later(23.9), later(23.8))
    assert store.is_due(database, later(24), later(23.9))
    assert store.is_due(database, later(24, CHECK), later(23.9, CHECK))


def test_a_report_is_due_until_there_is_one_of_the_version(database: Engine) -> None:
    keep(database, later(0))
    other = replace(later(1), version="2")
    assert store.is_due(database, other, None)
    assert store.is_due(database, replace(other, at=later(2).at), other)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What a page was asked to show, by something that draws nothing."""
    asked: list[tuple[object, ...]] = []

    def draw(*about: object) -> str:
        asked.append(about)
        return f"<p>{len(asked)}</p>"

    monkeypatch.setattr(store, "drift_report", draw)
    return asked


def comparison(check: Check = CHECK) -> Comparison:
    reference = Reference("f00dcafe1234", predictions(40, 0), {})
    place = (check.until, check.last_prediction)
    return Comparison(check, reference, Window(predictions(30, 1), 30, place, place))


def page(database: Engine) -> str | None:
    packed = store.newest(database, MODULE)
    return None if packed is None else gzip.decompress(packed).decode()


def test_a_report_shows_what_was_compared_and_the_weeks_before(
    database: Engine, drawn: list[tuple[object, ...]]
) -> None:
    log(database, prediction({"Tumor": 0.8, "No Tumor": 0.2}, at=CHECK.at - timedelta(weeks=3)))
    log(database, prediction({"Tumor": 0.8, "No Tumor": 0.2}, at=CHECK.at - timedelta(weeks=8)))
    compared = comparison()
    assert store.make(database, CARD, compared, weeks=5) == "<p>1</p>"
    ((check, reference, window, quality, labels),) = drawn
    assert check is CHECK and labels == CARD.target_labels
    assert reference is compared.reference.predictions and window is compared.window.predictions
    assert isinstance(quality, list) and [type(week) for week in quality] == [WeekPerformance]


def test_the_newest_takes_the_place_of_the_last(database: Engine, drawn: list[tuple[object, ...]]) -> None:
    assert page(database) is None
    for number in (1, 2):
        checks.keep(database, later(number, CHECK))
        store.make_and_keep(database, CARD, comparison(later(number, CHECK)))
        assert page(database) == f"<p>{number}</p>"
    assert store.newest(database, "another") is None
    assert not store.is_due(database, later(25.9, CHECK), later(25, CHECK))
    assert store.is_due(database, later(26, CHECK), later(25, CHECK))


def test_one_that_fails_leaves_the_last(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(database, later(0))

    def fail(*_: object) -> str:
        raise RuntimeError

    monkeypatch.setattr(store, "drift_report", fail)
    with pytest.raises(RuntimeError):
        store.make_and_keep(database, CARD, comparison())
    assert store.newest(database, MODULE) == b"page"
