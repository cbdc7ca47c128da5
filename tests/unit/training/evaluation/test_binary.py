import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score

from training.calibration import OperatingPoint
from training.evaluation.binary import Scored, evaluate

POINT = OperatingPoint(threshold=0.5, uncertain_from=0.4, uncertain_to=0.6)
LABELS = ("Tumor", "No Tumor")
KINDS = np.array(["glioma", "meningioma", "pituitary"])


def random_scored(n: int = 300, ties: bool = False) -> Scored:
    rng = np.random.default_rng(7)
    is_tumor = rng.random(n) < 0.6
    probability = np.clip(rng.normal(0.35 + 0.3 * is_tumor, 0.2), 0, 1)
    names = np.where(is_tumor, KINDS[rng.integers(0, 3, n)], "notumor")
    return Scored(LABELS, probability.round(1 if ties else 6), is_tumor, names, np.arange(n))


def only(scored: Scored, keep: NDArray[np.bool_]) -> Scored:
    columns = scored.probability, scored.is_positive, scored.class_name, scored.group
    return Scored(LABELS, *(column[keep] for column in columns))


@pytest.mark.parametrize("ties", [False, True])
def test_values_agree_with_scikit_learn(ties: bool) -> None:
    scored = random_scored(ties=ties)
    metrics = evaluate(scored, POINT, resamples=10).metrics
    assert metrics["roc_auc"].value == pytest.approx(roc_auc_score(scored.is_positive, scored.probability))
    assert metrics["brier"].value == pytest.approx(brier_score_loss(scored.is_positive, scored.probability))


def test_values_agree_with_hand_counts() -> None:
    scored = Scored(
        labels=LABELS,
        probability=np.array([0.92, 0.94, 0.55, 0.31, 0.05, 0.45, 0.71]),
        is_positive=np.array([True, True, True, True, False, False, False]),
        class_name=np.array(["glioma", "glioma", "glioma", "pituitary", "notumor", "notumor", "notumor"]),
        group=np.array([0, 0, 1, 2, 3, 4, 5]),
    )
    report = evaluate(scored, POINT, resamples=50)
    values = {name: estimate.value for name, estimate in report.metrics.items()}
    assert report.confusion == {"Tumor": {"Tumor": 3, "No Tumor": 1}, "No Tumor": {"Tumor": 1, "No Tumor": 2}}
    assert values["sensitivity"] == 3 / 4
    assert values["false_negative_rate"] == 1 / 4
    assert values["specificity"] == pytest.approx(2 / 3)
    assert values["false_positive_rate"] == pytest.approx(1 / 3)
    assert values["accuracy"] == pytest.approx(5 / 7)
    assert values["roc_auc"] == pytest.approx(9 / 12)
    assert values["uncertain_share"] == pytest.approx(2 / 7)  # 0.55 and 0.45
    assert values["confident_accuracy"] == pytest.approx(3 / 5)
    gaps = abs(1.86 - 2) + abs(0.55 - 1) + abs(0.31 - 1) + 0.05 + 0.45 + 0.71
    assert values["expected_calibration_error"] == pytest.approx(gaps / 7)
    assert (report.n, report.groups) == (7, 6)
    assert [
        (one.n, one.groups, {measure: estimate.value for measure, estimate in one.metrics.items()})
        for one in report.per_class.values()
    ] == [
        (3, 2, {"sensitivity": 1.0}),
        (3, 3, {"specificity": pytest.approx(2 / 3)}),
        (1, 1, {"sensitivity": 0.0}),
    ]


def test_the_false_negative_rate_comes_first() -> None:
    assert next(iter(evaluate(random_scored(), POINT, resamples=10).metrics)) == "false_negative_rate"


@pytest.mark.parametrize(("tumor", "lost"), [(True, "specificity"), (False, "sensitivity")])
def test_a_folder_of_one_class_reports_what_it_can(tumor: bool, lost: str) -> None:
    scored = random_scored()
    report = evaluate(only(scored, scored.is_positive == tumor), POINT, resamples=50)
    assert {"accuracy", "brier", "expected_calibration_error"} < set(report.metrics)
    assert not {"roc_auc", lost} & set(report.metrics)


def test_a_rare_class_missing_from_resamples_is_skipped() -> None:
    scored = random_scored(40)
    rare = only(scored, scored.is_positive | (np.arange(40) == np.flatnonzero(~scored.is_positive)[0]))
    estimate = evaluate(rare, POINT, resamples=200).metrics["roc_auc"]
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@pytest.mark.parametrize(
    ("probability", "name", "message"),
    [
        ([0.5, 1.2], ["glioma", "notumor"], "0..1"),
        ([0.5, 0.5], ["tumor", "tumor"], "class"),
        ([0.5], ["tumor"], "four"),
    ],
)
def test_malformed_scores_are_refused(probability: list[float], name: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scored(LABELS, np.array(probability), np.array([True, False]), np.array(name), np.arange(2))
