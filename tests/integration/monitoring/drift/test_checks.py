"""Drift checks are kept as they were made, and the newest of the monitor's own is what is shown."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from monitoring.drift import checks
from monitoring.drift.checks import Check, Result
from monitoring.tables import drift_checks
from tests.support.drift import CHECK, RESULTS, check_of
from tests.support.logged import AT


def later(hours: float, **changed: Any) -> Check:
    return replace(CHECK, at=AT + timedelta(hours=hours), **{"last_prediction": 4711 + int(hours * 60), **changed})


def count(database: Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(drift_checks)).scalar_one())


def test_a_check_comes_back_as_it_was_kept(database: Engine) -> None:
    checks.keep(database, CHECK)
    assert checks.latest(database, "brain-tumor", CHECK.version) == CHECK


def test_there_is_none_before_the_first(database: Engine) -> None:
    assert checks.latest(database, "brain-tumor", CHECK.version) is None


def test_the_newest_is_found_whichever_was_kept_last(database: Engine) -> None:
    for hours in (1, 3, 2):
        checks.keep(database, later(hours))
    assert checks.latest(database, "brain-tumor", CHECK.version) == later(3)


def test_each_module_has_its_own(database: Engine) -> None:
    checks.keep(database, CHECK)
    checks.keep(database, later(1, module="other"))
    assert checks.latest(database, "brain-tumor", CHECK.version) == CHECK
    assert checks.latest(database, "other", CHECK.version) == later(1, module="other")


def test_a_look_by_hand_does_not_hide_the_monitors(database: Engine) -> None:
    checks.keep(database, CHECK)
    by_hand = replace(CHECK, at=AT + timedelta(hours=1), trigger="manual")
    checks.keep(database, by_hand)
    assert checks.latest(database, "brain-tumor", CHECK.version) == CHECK
    assert checks.latest(database, "brain-tumor", CHECK.version, "manual") == by_hand


@pytest.mark.parametrize(
    ("results", "drifted"), [(RESULTS, True), (RESULTS[:1], False), ((replace(RESULTS[0], drifted=True),), True)]
)
def test_one_detector_is_enough_for_drift(database: Engine, results: tuple[Result, ...], drifted: bool) -> None:
    check = check_of(results)
    checks.keep(database, check)
    with database.connect() as connection:
        assert connection.execute(select(drift_checks.c.drifted)).scalar_one() is check.drifted is drifted


def test_another_version_of_the_model_has_its_own(database: Engine) -> None:
    checks.keep(database, CHECK)
    assert checks.latest(database, CHECK.module, "another") is None
