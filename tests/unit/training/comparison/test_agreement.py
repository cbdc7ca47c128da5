import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score

from training.comparison.agreement import (
    ABNORMAL,
    AGREEING,
    AVERAGE,
    CONFIDENCE,
    HEALTHY,
    MAJORITY,
    MEAN,
    NO_VOTE,
    Votes,
    by_measure,
    compare_signals,
    gains,
    levels_of,
    levels_of_majority,
)


def votes(probability: NDArray[np.float64], is_abnormal: NDArray[np.bool_], *, silent: float = 0.0) -> Votes:
    """Modules that call abnormal from one half on, and abstain closer than `silent` to it."""
    said = np.where(probability >= 0.5, ABNORMAL, HEALTHY)
    said[np.abs(probability - 0.5) < silent] = NO_VOTE
    names = tuple("abcd"[: probability.shape[1]])
    return Votes(names, probability, said.astype(np.int8), is_abnormal, np.arange(is_abnormal.size))


def drawn(noise: tuple[float, ...], n: int = 600, *, silent: float = 0.0) -> Votes:
    """Modules with errors independent of each other, (n, m)."""
    rng = np.random.default_rng(7)
    is_abnormal = rng.random(n) < 0.6
    probability = is_abnormal[:, None] * 0.4 + 0.3 + rng.normal(0, noise, (n, len(noise)))
    return votes(np.clip(probability, 0, 1), is_abnormal, silent=silent)


def test_levels_count_the_others_and_leave_abstentions_out() -> None:
    said = np.array([[1, 1, 1], [1, 1, -1], [1, -1, -1], [-1, 0, -1], [0, 1, 1]], np.int8)
    truth = np.array([True, False, True, False, True])
    of_three = Votes(("a", "b", "c"), np.full((5, 3), 0.5), said, truth, np.arange(5))
    counted = {level.agreeing: (level.scans, level.share, level.accuracy.value) for level in levels_of(of_three, 0)}
    assert counted == {0: (1, 0.2, 1.0), 1: (2, 0.4, 0.5), 2: (1, 0.2, 1.0)}
    majority = {level.agreeing: (level.scans, level.accuracy.value) for level in levels_of_majority(of_three)}
    assert majority == {2: (4, 0.5), 3: (1, 1.0)}


def test_an_even_vote_is_no_majority() -> None:
    said = np.array([[1, -1], [1, 0]], np.int8)
    even = Votes(("a", "b"), np.full((2, 2), 0.5), said, np.array([True, True]), np.arange(2))
    assert even.majority.tolist() == [NO_VOTE, ABNORMAL]
    assert by_measure(even)[MAJORITY]["no_vote"].value == 0.5


def test_measures_agree_with_scikit_learn_and_with_hand_counts() -> None:
    of_four = drawn((0.2, 0.3, 0.25, 0.3), silent=0.1)
    measured = by_measure(of_four)
    first, truth = of_four.probability[:, 0], of_four.is_abnormal
    assert measured["a"]["roc_auc"].value == pytest.approx(roc_auc_score(truth, first))
    assert measured[AVERAGE]["brier"].value == pytest.approx(brier_score_loss(truth, of_four.probability.mean(axis=1)))
    voted = of_four.vote[:, 0] != NO_VOTE
    assert measured["a"]["no_vote"].value == pytest.approx((~voted).mean())
    assert measured["a"]["sensitivity"].value == pytest.approx((first[truth & voted] >= 0.5).mean())
    assert measured["a"]["specificity"].value == pytest.approx((first[~truth & voted] < 0.5).mean())
    assert "sensitivity" not in measured[AVERAGE] and "roc_auc" not in measured[MAJORITY]


def test_independent_modules_separate_right_from_wrong_better_together_than_one_does_alone() -> None:
    of_four = drawn((0.25, 0.25, 0.25, 0.25))
    signals = compare_signals(of_four, 0)
    right = (of_four.probability[:, 0] >= 0.5) == of_four.is_abnormal
    assert (signals.answered, signals.wrong, signals.wrong_groups) == (600, *[np.count_nonzero(~right)] * 2)
    confidence = np.maximum(of_four.probability[:, 0], 1 - of_four.probability[:, 0])
    assert signals.area[CONFIDENCE].value == pytest.approx(roc_auc_score(right, confidence))
    assert signals.area[AGREEING].low > 0.5
    assert signals.gain[MEAN].low > 0
    assert signals.gain[MEAN].value == pytest.approx(signals.area[MEAN].value - signals.area[CONFIDENCE].value)
    gain = gains(of_four)["a"]
    assert gain.area is not None and gain.area.low > 0 > gain.brier.high


def test_modules_that_say_the_same_add_nothing_to_one() -> None:
    alone = drawn((0.25,) * 2)
    copied = votes(alone.probability[:, [0, 0, 0]], alone.is_abnormal)
    signals = compare_signals(copied, 0)
    assert signals.area[AGREEING].value == 0.5
    assert signals.gain[MEAN].value == pytest.approx(0)
    assert gains(copied)["a"].brier.value == pytest.approx(0)
    assert [level.agreeing for level in levels_of(copied, 0)] == [2]


def test_a_module_that_only_guesses_does_not_help_the_average() -> None:
    gain = gains(drawn((0.05, 3.0, 3.0)))["a"]
    assert gain.area is not None and gain.area.high < 0 < gain.brier.low


def test_without_a_wrong_vote_there_is_nothing_to_separate() -> None:
    signals = compare_signals(drawn((0.01, 0.3)), 0)
    assert signals.wrong == 0 and not signals.area and not signals.gain


def test_scans_of_one_kind_alone_still_have_a_brier_score() -> None:
    of_two = drawn((0.2, 0.3))
    sick = of_two.is_abnormal
    gain = gains(votes(of_two.probability[sick], sick[sick]))["a"]
    assert gain.area is None and np.isfinite(gain.brier.value)


@pytest.mark.parametrize(
    ("modules", "probability", "message"),
    [(("a",), [[0.5]], "two modules"), (("a", "b"), [[0.5]], "need"), (("a", "b"), [[0.5, 1.5]], "0..1")],
)
def test_malformed_votes_are_refused(modules: tuple[str, ...], probability: list[list[float]], message: str) -> None:
    given = np.array(probability)
    with pytest.raises(ValueError, match=message):
        Votes(modules, given, np.ones(given.shape, np.int8), np.array([True]), np.arange(1))
