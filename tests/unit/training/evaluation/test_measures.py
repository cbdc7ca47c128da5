import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.evaluation.measures import average, calibration_bin, calibration_error, roc_auc

ONCE = np.ones((1, 200))


@pytest.mark.parametrize("decimals", [1, 6], ids=["ties", "no ties"])
def test_roc_auc_agrees_with_scikit_learn_also_on_resamples(decimals: int) -> None:
    rng = np.random.default_rng(7)
    is_positive = rng.random(200) < 0.6
    score = rng.normal(0.3 * is_positive, 0.2).round(decimals)
    weights = np.concatenate([ONCE, rng.integers(0, 3, (5, 200)).astype(float)])
    expected = [roc_auc_score(is_positive, score, sample_weight=one) for one in weights]
    np.testing.assert_allclose(roc_auc(score, is_positive, weights), expected)


def test_roc_auc_is_unknown_without_both_classes() -> None:
    assert np.isnan(roc_auc(np.linspace(0, 1, 200), np.ones(200, np.bool_), ONCE)).all()


def test_calibration_error_weighs_the_gap_of_each_bin_by_its_scans() -> None:
    probability, came_true = np.array([0.92, 0.94, 0.55, 0.05]), np.array([True, True, False, False])
    error = calibration_error(probability, came_true, np.array([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 2.0, 0.0]]))
    np.testing.assert_allclose(error, [(abs(1.86 - 2) + 0.55 + 0.05) / 4, 0.55])


def test_a_probability_on_an_edge_belongs_to_the_upper_bin() -> None:
    assert calibration_bin(np.array([0.0, 0.1, 0.5, 0.99, 1.0])).tolist() == [0, 1, 5, 9, 9]


def test_the_average_counts_a_scan_as_often_as_it_was_drawn() -> None:
    assert average(np.array([0.0, 3.0]), np.array([[1.0, 1.0], [2.0, 1.0]])).tolist() == [1.5, 1.0]
