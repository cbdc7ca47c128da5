"""A check is what its detectors say."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitoring.drift.checks import Result
from tests.support.drift import CHECK, RESULTS, SHIFTS, check_of
from tests.support.logged import AT


def test_a_check_names_its_features_and_where_it_ends() -> None:
    assert CHECK.features == SHIFTS
    assert CHECK.position == (AT - timedelta(microseconds=1), 4711)


@pytest.mark.parametrize(
    ("results", "drifted"),
    [(RESULTS, True), (RESULTS[:1], False), ((replace(RESULTS[0], drifted=True),), True), ((), False)],
)
def test_one_detector_is_enough_for_drift(results: tuple[Result, ...], drifted: bool) -> None:
    assert check_of(results).drifted is drifted
