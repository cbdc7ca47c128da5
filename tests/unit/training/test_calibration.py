import numpy as np
import pytest
from numpy.typing import NDArray

from imip.errors import ArtifactError
from imip.inference.card import DecisionRule
from training.calibration import (
    OperatingPoint,
    Platt,
    choose_balanced_point,
    choose_confidence,
    choose_operating_point,
    fit_platt,
)


def overconfident(n: int = 20_000) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return logits three times too sure and shifted by 1, and labels drawn from the honest probability."""
    rng = np.random.default_rng(1)
    honest = rng.normal(0, 2, n)
    return 3 * honest + 1, rng.random(n) < 1 / (1 + np.exp(-honest))


def test_platt_recovers_a_known_miscalibration() -> None:
    platt = fit_platt(*overconfident())
    assert platt.slope == pytest.approx(1 / 3, rel=0.05)
    assert platt.intercept == pytest.approx(-1 / 3, abs=0.05)


def test_platt_stays_finite_on_separated_classes_and_gives_the_smoothed_targets() -> None:
    # Two distinct logits, two parameters: the fit meets Platt's targets exactly, (3+1)/(3+2) and 1/(4+2).
    logits = np.array([5.0] * 3 + [-5.0] * 4)
    calibrated = fit_platt(logits, logits > 0).apply(np.array([5.0, -5.0]))
    np.testing.assert_allclose(calibrated, [4 / 5, 1 / 6], atol=1e-6)


def test_platt_applies_without_overflow_and_keeps_the_shape() -> None:
    with np.errstate(all="raise"):
        probability = Platt(1.0, 0.0).apply(np.array([[-1e6, 0.0], [np.log(3), 1e6]]))
    np.testing.assert_allclose(probability, [[0, 0.5], [0.75, 1]])


@pytest.mark.parametrize(
    ("logits", "is_positive", "message"),
    [
        ([-1.0, -2.0, 1.0, 2.0], [True, True, False, False], "slope"),
        ([1.0, 2.0], [True, True], "both classes"),
        ([1.0, 1.0], [True, False], "equal"),
        ([1.0, np.inf], [False, True], "finite"),
    ],
)
def test_platt_refuses_what_cannot_be_calibrated(logits: list[float], is_positive: list[bool], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_platt(np.array(logits), np.array(is_positive))


def test_threshold_is_the_highest_that_still_finds_enough_tumors() -> None:
    tumors, others = np.linspace(0.41, 0.9, 200), np.linspace(0.01, 0.6, 200)
    probability, is_tumor = np.concatenate([tumors, others]), np.arange(400) < 200
    point = choose_operating_point(probability, is_tumor)
    assert point.finds(tumors).sum() == 196  # 98% of 200, exactly
    assert tumors[3] < point.threshold < tumors[4]
    assert (tumors >= point.uncertain_from).sum() == 198  # 99%
    assert (others < point.uncertain_to).sum() == 198
    assert point.uncertain_from < point.threshold < point.uncertain_to


def test_equal_scores_are_never_separated() -> None:
    # The two lowest tumors score alike: finding three of four means finding all.
    probability = np.array([0.4, 0.4, 0.8, 0.9, 0.1, 0.2])
    point = choose_operating_point(probability, np.array([True] * 4 + [False] * 2), sensitivity=0.75)
    assert point.threshold == 0.3


def test_a_tumor_and_a_scan_without_at_the_same_score_fall_on_the_same_side() -> None:
    probability = np.array([0.5, 0.9, 0.5, 0.1])
    point = choose_operating_point(probability, np.array([True, True, False, False]))
    assert (point.threshold, point.uncertain_from, point.uncertain_to) == (0.3, 0.3, 0.7)


def test_perfect_separation_leaves_the_threshold_alone_uncertain() -> None:
    point = choose_operating_point(np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, True, False, False]))
    assert point == OperatingPoint(0.55, 0.55, 0.55)


def test_the_band_is_widened_to_contain_the_threshold() -> None:
    probability, is_tumor = np.array([0.2, 0.6, 0.8, 0.1]), np.array([True, True, True, False])
    point = choose_operating_point(probability, is_tumor, sensitivity=1.0, certain=0.5)
    assert point.uncertain_from == point.threshold == point.uncertain_to == 0.15


@pytest.mark.parametrize("seed", range(20))
def test_the_rule_holds_on_tiny_sets_full_of_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probability = rng.integers(0, 4, 8) / 4 + 0.1
    is_tumor = np.arange(8) < rng.integers(1, 8)
    point = choose_operating_point(probability, is_tumor, sensitivity=0.6, certain=0.8)
    assert 0 < point.uncertain_from <= point.threshold <= point.uncertain_to < 1
    assert point.finds(probability)[is_tumor].mean() >= 0.6
    assert (probability >= point.uncertain_from)[is_tumor].mean() >= 0.8
    assert (probability < point.uncertain_to)[~is_tumor].mean() >= 0.8
    above = probability[probability > point.threshold]
    assert not above.size or (probability > above.min())[is_tumor].mean() < 0.6


@pytest.mark.parametrize("gap", [1e-5, 1e-12, np.spacing(0.5)])
def test_rounding_never_crosses_a_score(gap: float) -> None:
    probability = np.array([0.5, 0.5 + gap])
    point = choose_operating_point(probability, np.array([False, True]))
    assert point.finds(probability).tolist() == [False, True]


def test_a_model_that_cannot_be_calibrated_is_told_as_a_fault_of_the_artifact() -> None:
    with pytest.raises(ArtifactError, match="train it longer"):
        fit_platt(np.array([2.0, 1.0, -1.0, -2.0]), np.array([False, False, True, True]))


def test_an_operating_point_is_read_from_a_card_whatever_else_is_decided_there() -> None:
    thresholds = {"threshold": 0.5, "uncertain_from": 0.4, "uncertain_to": 0.6, "region": 0.35}
    assert OperatingPoint.of(DecisionRule(thresholds=thresholds, rule="")) == OperatingPoint(0.5, 0.4, 0.6)
    with pytest.raises(ArtifactError, match="uncertain_to"):
        OperatingPoint.of(DecisionRule(thresholds={"threshold": 0.5, "uncertain_from": 0.4}, rule=""))


def test_an_operating_point_needs_both_classes_and_probabilities() -> None:
    with pytest.raises(ValueError, match="both classes"):
        choose_operating_point(np.array([0.5, 0.6]), np.array([True, True]))
    with pytest.raises(ValueError, match=r"0\.\.1"):
        choose_operating_point(np.array([0.5, np.nan]), np.array([True, False]))


def test_the_balanced_threshold_finds_tumors_as_often_as_it_rules_them_out() -> None:
    rng = np.random.default_rng(4)
    tumors, others = rng.beta(4, 2, 5000), rng.beta(2, 4, 500)
    point = choose_balanced_point(np.concatenate([tumors, others]), np.arange(5500) < 5000)
    sensitivity, specificity = point.finds(tumors).mean(), 1 - point.finds(others).mean()
    assert sensitivity == pytest.approx(specificity, abs=0.01)
    assert point.threshold == pytest.approx(0.5, abs=0.03)  # whatever the numbers of each


def test_no_threshold_is_more_balanced() -> None:
    rng = np.random.default_rng(6)
    probability, is_tumor = rng.random(60).round(2), rng.random(60) < 0.4

    def smaller(threshold: float) -> float:
        found = probability >= threshold
        return float(min(found[is_tumor].mean(), (~found[~is_tumor]).mean()))

    chosen = smaller(choose_balanced_point(probability, is_tumor).threshold)
    assert chosen == max(smaller(threshold) for threshold in np.linspace(0, 1, 301))


def test_the_band_around_a_balanced_threshold_holds_what_is_not_certain() -> None:
    tumors, others = np.linspace(0.21, 0.9, 200), np.linspace(0.01, 0.7, 200)
    point = choose_balanced_point(np.concatenate([tumors, others]), np.arange(400) < 200)
    assert (tumors >= point.uncertain_from).mean() == (others < point.uncertain_to).mean() == 0.98
    assert point.uncertain_from < point.threshold < point.uncertain_to
    sure = choose_balanced_point(np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, True, False, False]))
    assert sure == OperatingPoint(0.55, 0.55, 0.55)


def test_a_balanced_threshold_needs_both_classes_and_probabilities() -> None:
    with pytest.raises(ValueError, match="both classes"):
        choose_balanced_point(np.array([0.5, 0.6]), np.array([False, False]))
    with pytest.raises(ValueError, match=r"0\.\.1"):
        choose_balanced_point(np.array([0.5, 1.5]), np.array([True, False]))


def test_a_label_counts_as_confident_from_where_enough_of_them_are_right() -> None:
    confidence = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    right = np.array([False, True, False, True, True])
    assert choose_confidence(confidence, right, certain=1.0) == pytest.approx(0.75)
    assert choose_confidence(confidence, right, certain=0.75) == pytest.approx(0.55)


def test_where_no_label_is_sure_enough_none_counts_as_confident() -> None:
    assert choose_confidence(np.array([0.5, 0.9]), np.array([True, False])) == 1.0
