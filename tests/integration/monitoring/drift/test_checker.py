"""A check is due when enough is new, is made of independent predictions only, and keeps its detectors warm."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine

from imip.settings import DriftSettings
from monitoring.drift import checks
from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.checker import LEAST, DriftChecker
from monitoring.drift.checks import Check, Result
from monitoring.drift.reference import store
from monitoring.log.queries import Filter
from tests.support.drift import CARD, REFERENCE, burst, patients
from tests.support.logged import AT, log

EVERY = 10
SETTINGS = DriftSettings(window=30, every=EVERY, seconds=60.0)


class Clock:
    """Stands in for time.monotonic; moves when a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Detectors:
    """Stands in for monitoring.drift.detectors.detectors: counts what it makes, and says what it saw."""

    def __init__(self) -> None:
        self.references: list[PredictionArrays] = []
        self.windows: list[PredictionArrays] = []
        self.fault: Exception | None = None

    def __call__(
        self, reference: PredictionArrays, labels: Sequence[str], settings: DriftSettings
    ) -> tuple["Detectors.One"]:
        assert (tuple(labels), settings) == (CARD.possible_labels, SETTINGS)
        self.references.append(reference)
        return (Detectors.One(self, len(reference)),)

    class One:
        """Drifted where the window is smaller than the reference."""

        name = "size"

        def __init__(self, made: "Detectors", reference: int) -> None:
            self._made, self._reference = made, reference

        def __call__(self, window: PredictionArrays) -> Result:
            self._made.windows.append(window)
            if self._made.fault is not None:
                raise self._made.fault
            return Result(self.name, float(len(window)), float(self._reference), 0.5, len(window) < self._reference)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr("monitoring.drift.checker.time.monotonic", moved)
    return moved


@pytest.fixture
def detectors(monkeypatch: pytest.MonkeyPatch) -> Detectors:
    """In the place of the real ones, which bring TensorFlow."""
    made = Detectors()
    monkeypatch.setitem(sys.modules, "monitoring.drift.detectors", SimpleNamespace(detectors=made))
    return made


@pytest.fixture
def checker(database: Engine, clock: Clock, detectors: Detectors) -> DriftChecker:
    return DriftChecker(database, CARD, REFERENCE, SETTINGS)


def turn(checker: DriftChecker, database: Engine) -> Check | None:
    """What the monitor does with a checker."""
    if not checker.due():
        return None
    comparison = checker.compare("monitor")
    if comparison is None:
        return None
    checks.keep(database, comparison.check)
    return comparison.check


def test_nothing_is_due_without_a_prediction(checker: DriftChecker, clock: Clock) -> None:
    clock.now += 1e6
    assert not checker.due()


def test_a_check_is_due_after_enough_predictions(checker: DriftChecker, database: Engine) -> None:
    log(database, *patients(EVERY - 1))
    assert not checker.due()
    log(database, *patients(1, EVERY))
    assert checker.due()


def test_a_check_is_due_after_a_while_if_anything_is_new(checker: DriftChecker, database: Engine, clock: Clock) -> None:
    log(database, *patients(1))
    clock.now += 59
    assert not checker.due()
    clock.now += 1
    assert checker.due()


def test_after_a_check_only_what_is_newer_counts(checker: DriftChecker, database: Engine, clock: Clock) -> None:
    log(database, *patients(40))
    assert turn(checker, database) is not None
    clock.now += 1e6
    assert not checker.due()
    log(database, *patients(EVERY, 40))
    clock.now -= 1e6
    assert checker.due()


def test_predictions_of_another_module_count_for_nothing(checker: DriftChecker, database: Engine) -> None:
    log(database, *patients(2 * EVERY, module="other"))
    assert not checker.due()


def test_a_monitor_that_starts_goes_on_where_the_last_one_ended(checker: DriftChecker, database: Engine) -> None:
    log(database, *patients(40))
    turn(checker, database)
    heir = DriftChecker(database, CARD, REFERENCE, SETTINGS)
    assert not heir.due()
    log(database, *patients(EVERY, 40))
    assert heir.due()


def test_too_few_independent_predictions_make_no_check_and_are_looked_at_again_after_a_while(
    checker: DriftChecker, database: Engine, clock: Clock, detectors: Detectors
) -> None:
    log(database, *patients(LEAST - 2, 1), *burst(60, 30))
    assert checker.due()
    log(database, *burst(60, 90))
    for _ in range(2):
        assert checker.due()
        assert checker.compare("monitor") is None
        clock.now += SETTINGS.seconds / 2
        assert not checker.due()
        clock.now += SETTINGS.seconds / 2
    assert detectors.references == []
    log(database, *patients(LEAST, 151))
    assert turn(checker, database) is not None


def test_a_check_says_what_was_compared(checker: DriftChecker, database: Engine) -> None:
    log(database, *patients(25, 1), *burst(10, 30))
    begin = datetime.now(UTC)
    comparison = checker.compare("monitor")
    assert comparison is not None
    check = comparison.check
    assert begin <= check.at <= datetime.now(UTC)
    assert (check.module, check.version, check.trigger) == (CARD.module, CARD.version, "monitor")
    assert (check.reference, check.reference_size) == (REFERENCE.version, len(REFERENCE.predictions))
    assert (check.window_size, check.window_rows) == (26, 35)
    assert (check.since, check.until) == (AT + timedelta(seconds=1), AT + timedelta(seconds=39))
    assert check.last_prediction == 35
    assert check.detectors == (Result("size", 26.0, float(len(REFERENCE.predictions)), 0.5, True),)
    assert check.drifted and check.seconds > 0


def test_the_window_is_as_large_as_set(checker: DriftChecker, database: Engine, detectors: Detectors) -> None:
    log(database, *patients(50))
    checker.compare("monitor")
    assert [len(window) for window in detectors.windows] == [SETTINGS.window]


def test_detectors_are_made_once_for_each_reference(
    checker: DriftChecker, database: Engine, detectors: Detectors
) -> None:
    for start in (0, 40):
        log(database, *patients(40, start))
        turn(checker, database)
    assert len(detectors.references) == 1 and len(detectors.windows) == 2
    made = checker.logged(Filter())
    assert made is not None
    store(database, CARD, made)
    for start in (80, 120):
        log(database, *patients(40, start))
        check = turn(checker, database)
        assert check is not None and check.reference == made.version
    assert [len(reference) for reference in detectors.references] == [len(REFERENCE.predictions), 80]


def test_a_reference_is_made_of_the_predictions_asked_for(checker: DriftChecker, database: Engine) -> None:
    log(database, *patients(50))
    made = checker.logged(Filter(since=AT + timedelta(seconds=5), until=AT + timedelta(seconds=35)))
    assert made is not None
    assert made.predictions.features[:, 0].tolist() == list(range(5, 35))
    assert (made.since, made.until) == (AT + timedelta(seconds=5), AT + timedelta(seconds=34))
    assert made.near_duplicate_limits == REFERENCE.near_duplicate_limits


def test_no_reference_is_made_of_too_few(checker: DriftChecker, database: Engine) -> None:
    assert checker.logged(Filter()) is None
    log(database, *patients(LEAST - 1, 1), *burst(50, 30))
    assert checker.logged(Filter(until=AT + timedelta(seconds=25))) is None


def test_predictions_that_the_window_leaves_out_cause_no_check_after_check(
    checker: DriftChecker, database: Engine, clock: Clock, detectors: Detectors
) -> None:
    log(database, *patients(40))
    assert turn(checker, database) is not None
    log(database, *patients(EVERY, 40, version="another server's"))
    for _ in range(5):
        assert turn(checker, database) is None
        clock.now += 1
    assert len(detectors.windows) == 1
    log(database, *patients(EVERY, 60))
    clock.now += SETTINGS.seconds
    assert turn(checker, database) is not None


def test_a_new_reference_is_compared_with_the_same_predictions(
    checker: DriftChecker, database: Engine, clock: Clock
) -> None:
    log(database, *patients(40))
    turn(checker, database)
    made = checker.logged(Filter())
    assert made is not None
    store(database, CARD, made)
    comparison = checker.compare("monitor")
    assert comparison is not None and comparison.check.reference == comparison.reference.version == made.version


def test_a_look_by_hand_is_taken_at_once(checker: DriftChecker, database: Engine) -> None:
    log(database, *patients(40))
    turn(checker, database)
    comparison = checker.compare("manual", Filter(until=AT + timedelta(seconds=25)))
    assert comparison is not None
    assert (comparison.check.trigger, comparison.check.window_size) == ("manual", 25)
    assert len(comparison.window.predictions) == 25
    assert checker.compare("manual") is not None


def test_a_check_that_fails_is_tried_again_after_a_while(
    checker: DriftChecker, database: Engine, clock: Clock, detectors: Detectors
) -> None:
    log(database, *patients(40))
    detectors.fault = ZeroDivisionError()
    assert checker.due()
    with pytest.raises(ZeroDivisionError):
        checker.compare("monitor")
    assert not checker.due()
    detectors.fault = None
    clock.now += SETTINGS.seconds
    assert turn(checker, database) is not None
