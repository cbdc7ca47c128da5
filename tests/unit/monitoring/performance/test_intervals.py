"""Intervals hold what they should, as often as they should."""

import numpy as np
import pytest

from monitoring.performance.intervals import estimated_accuracy, wilson
from tests.support.performance import holds


def test_wilson_of_a_known_case() -> None:
    # Newcombe, Statist. Med. 1998, table I: 81 of 263.
    interval = wilson(81, 263)
    assert interval is not None
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize("n", [1, 2, 7, 100, 12345])
def test_intervals_hold_their_value_and_stay_within_0_and_1(n: int) -> None:
    for hits in {0, 1, n // 2, n - 1, n}:
        interval = wilson(hits, n)
        assert interval is not None
        assert 0 <= interval.low <= interval.value == hits / n <= interval.high <= 1
        assert interval.low < interval.high


def test_nothing_is_none_and_not_0() -> None:
    assert wilson(0, 0) is None
    assert estimated_accuracy(np.array([])) is None


def test_estimates_hold_the_truth_at_their_level() -> None:
    rng = np.random.default_rng(5)
    confidence = rng.uniform(0.5, 1, (400, 300))
    accuracy = (rng.random(confidence.shape) < confidence).mean(axis=1)
    held = np.mean([holds(estimated_accuracy(one), true) for one, true in zip(confidence, accuracy, strict=True)])
    assert 0.92 <= held <= 0.98
