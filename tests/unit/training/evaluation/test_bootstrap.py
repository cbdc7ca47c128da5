import numpy as np
import pytest
from numpy.typing import NDArray

from training.evaluation.bootstrap import Estimate, Proportion, Weights, estimates


def share(right: NDArray[np.bool_]) -> Proportion:
    return Proportion(right, np.ones_like(right))


def random_hits(n: int = 300) -> NDArray[np.bool_]:
    return np.random.default_rng(7).random(n) < 0.8


def estimate(right: NDArray[np.bool_], group: NDArray[np.int64], resamples: int = 1000) -> Estimate:
    return estimates({"share": share(right)}, group, resamples=resamples)["share"]


def width(measured: Estimate) -> float:
    return measured.high - measured.low


def test_the_interval_of_a_proportion_agrees_with_theory() -> None:
    right = random_hits()
    measured = estimate(right, np.arange(300))
    expected = 2 * 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 300)
    assert measured.value == pytest.approx(right.mean())
    assert width(measured) == pytest.approx(expected, rel=0.1)
    assert measured.low < measured.value < measured.high


def test_copies_within_a_group_do_not_narrow_the_interval() -> None:
    right = random_hits()
    single = estimate(right, np.arange(300))
    grouped = estimate(np.tile(right, 4), np.tile(np.arange(300), 4))
    independent = estimate(np.tile(right, 4), np.arange(1200))
    assert width(grouped) == pytest.approx(width(single))
    assert width(independent) == pytest.approx(width(single) / 2, rel=0.15)


def test_flawless_scans_keep_an_honest_interval_over_groups() -> None:
    # Clopper-Pearson for 20 of 20 groups, not 60 of 60 scans.
    all_right = estimate(np.ones(60, np.bool_), np.arange(60) % 20, resamples=20)
    none_right = estimate(np.zeros(60, np.bool_), np.arange(60) % 20, resamples=20)
    assert (all_right.low, all_right.high) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert (none_right.low, none_right.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))


def test_a_single_group_has_a_value_but_no_interval() -> None:
    measured = estimate(random_hits(20), np.zeros(20, np.int64))
    assert 0 < measured.value < 1
    assert np.isnan([measured.low, measured.high]).all()
    assert measured.as_dict()["low"] is None


def test_what_the_scans_do_not_define_is_left_out() -> None:
    nobody = Proportion(np.ones(5, np.bool_), np.zeros(5, np.bool_))
    assert estimates({"nobody": nobody}, np.arange(5), resamples=10) == {}


def test_resamples_that_lack_what_a_statistic_needs_are_skipped() -> None:
    needed = np.arange(10) == 0  # missing from about a third of the resamples

    def times_drawn(weights: Weights) -> NDArray[np.float64]:
        drawn = weights[:, needed].sum(axis=1)
        return np.where(drawn > 0, drawn, np.nan)

    measured = estimates({"times": times_drawn}, np.arange(10), resamples=200)["times"]
    assert 1 <= measured.low <= measured.high < 10


def test_the_same_seed_gives_the_same_interval() -> None:
    right, group = random_hits(), np.arange(300) // 3
    assert estimate(right, group, resamples=150) == estimate(right, group, resamples=150)


def test_plain_numbers_have_four_decimals() -> None:
    assert Estimate(1 / 3, 0.25, 2 / 3).as_dict() == {"value": 0.3333, "low": 0.25, "high": 0.6667}
