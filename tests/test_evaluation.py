from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score

from training.calibration import OperatingPoint
from training.evaluation import Estimate, Scored, evaluate, table
from training.plots import write_plots

POINT = OperatingPoint(threshold=0.5, uncertain_from=0.4, uncertain_to=0.6)
KINDS = np.array(["glioma", "meningioma", "pituitary"])


def random_scored(n: int = 300, ties: bool = False) -> Scored:
    rng = np.random.default_rng(7)
    is_tumor = rng.random(n) < 0.6
    probability = np.clip(rng.normal(0.35 + 0.3 * is_tumor, 0.2), 0, 1)
    names = np.where(is_tumor, KINDS[rng.integers(0, 3, n)], "notumor")
    return Scored(probability.round(1 if ties else 6), is_tumor, names, np.arange(n))


def repeated(scored: Scored, times: int, *, together: bool) -> Scored:
    """Return every scan so many times: in its own group still, or each copy as if independent."""
    group = np.tile(scored.group, times) if together else np.arange(scored.group.size * times)
    row = np.tile(np.arange(scored.group.size), times)
    return Scored(scored.probability[row], scored.is_tumor[row], scored.class_name[row], group)


def only(scored: Scored, keep: NDArray[np.bool_]) -> Scored:
    return Scored(scored.probability[keep], scored.is_tumor[keep], scored.class_name[keep], scored.group[keep])


def width(estimate: Estimate) -> float:
    return estimate.high - estimate.low


@pytest.mark.parametrize("ties", [False, True])
def test_values_agree_with_scikit_learn(ties: bool) -> None:
    scored = random_scored(ties=ties)
    metrics = evaluate(scored, POINT, resamples=10).metrics
    assert metrics["roc_auc"].value == pytest.approx(roc_auc_score(scored.is_tumor, scored.probability))
    assert metrics["brier"].value == pytest.approx(brier_score_loss(scored.is_tumor, scored.probability))


def test_values_agree_with_hand_counts() -> None:
    scored = Scored(
        probability=np.array([0.92, 0.94, 0.55, 0.31, 0.05, 0.45, 0.71]),
        is_tumor=np.array([True, True, True, True, False, False, False]),
        class_name=np.array(["glioma", "glioma", "glioma", "pituitary", "notumor", "notumor", "notumor"]),
        group=np.array([0, 0, 1, 2, 3, 4, 5]),
    )
    report = evaluate(scored, POINT, resamples=50)
    confusion, values = report.confusion, {name: estimate.value for name, estimate in report.metrics.items()}
    assert (confusion.tp, confusion.fp, confusion.tn, confusion.fn) == (3, 1, 2, 1)
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
    assert [(one.n, one.groups, one.measure, one.estimate.value) for one in report.per_class.values()] == [
        (3, 2, "sensitivity", 1.0),
        (3, 3, "specificity", pytest.approx(2 / 3)),
        (1, 1, "sensitivity", 0.0),
    ]


def test_bootstrap_interval_of_a_proportion_agrees_with_theory() -> None:
    accuracy = evaluate(random_scored(), POINT).metrics["accuracy"]
    expected = 2 * 1.96 * np.sqrt(accuracy.value * (1 - accuracy.value) / 300)
    assert width(accuracy) == pytest.approx(expected, rel=0.1)
    assert accuracy.low < accuracy.value < accuracy.high


@pytest.mark.parametrize("name", ["sensitivity", "specificity", "roc_auc", "brier"])
def test_copies_within_a_group_do_not_narrow_the_interval(name: str) -> None:
    once = random_scored()
    single = evaluate(once, POINT, resamples=400).metrics[name]
    grouped = evaluate(repeated(once, 4, together=True), POINT, resamples=400).metrics[name]
    independent = evaluate(repeated(once, 4, together=False), POINT, resamples=400).metrics[name]
    assert width(grouped) == pytest.approx(width(single))
    assert width(independent) == pytest.approx(width(single) / 2, rel=0.15)


def test_flawless_classes_keep_an_honest_interval_over_groups() -> None:
    scored = Scored(np.full(60, 0.99), np.ones(60, np.bool_), np.full(60, "glioma"), np.arange(60) % 20)
    report = evaluate(scored, POINT, resamples=20)
    # Clopper-Pearson for 20 of 20 groups, not 60 of 60 scans.
    assert report.metrics["sensitivity"].low == pytest.approx(0.025 ** (1 / 20))
    assert report.metrics["false_negative_rate"].high == pytest.approx(1 - 0.025 ** (1 / 20))


@pytest.mark.parametrize(("tumor", "lost"), [(True, "specificity"), (False, "sensitivity")])
def test_a_folder_of_one_class_reports_what_it_can(tumor: bool, lost: str, tmp_path: Path) -> None:
    scored = random_scored()
    alone = only(scored, scored.is_tumor == tumor)
    report = evaluate(alone, POINT, resamples=50)
    assert {"accuracy", "brier", "expected_calibration_error"} < set(report.metrics)
    assert not {"roc_auc", lost} & set(report.metrics)
    assert "accuracy" in table(report)
    assert [path.name for path in write_plots(alone, report, tmp_path)] == ["reliability.png", "confusion.png"]


def test_a_rare_class_missing_from_resamples_is_skipped() -> None:
    scored = random_scored(40)
    rare = only(scored, scored.is_tumor | (np.arange(40) == np.flatnonzero(~scored.is_tumor)[0]))
    estimate = evaluate(rare, POINT, resamples=200).metrics["roc_auc"]
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_a_single_group_has_values_but_no_interval() -> None:
    scored = random_scored(20)
    report = evaluate(Scored(scored.probability, scored.is_tumor, scored.class_name, np.zeros(20, int)), POINT)
    assert np.isnan([report.metrics["brier"].low, report.metrics["accuracy"].high]).all()
    assert report.as_dict()["metrics"]["brier"]["low"] is None  # type: ignore[index]
    assert "unknown" in table(report)


def test_the_same_seed_gives_the_same_report() -> None:
    assert evaluate(random_scored(), POINT, resamples=150) == evaluate(random_scored(), POINT, resamples=150)


def test_as_dict_survives_yaml_with_four_decimals() -> None:
    plain = evaluate(random_scored(), POINT, resamples=20).as_dict()
    assert yaml.safe_load(yaml.safe_dump(plain)) == plain
    assert plain["threshold"] == 0.5
    assert set(plain["confusion"]) == {"tp", "fp", "tn", "fn"}  # type: ignore[call-overload]
    assert all(
        round(number, 4) == number
        for estimate in plain["metrics"].values()  # type: ignore[attr-defined]
        for number in estimate.values()
    )


def test_the_table_opens_with_the_false_negative_rate() -> None:
    report = evaluate(random_scored(), POINT, resamples=20)
    rows = [line for line in table(report).splitlines() if line.startswith("| ")]
    assert rows[1].startswith("| false negative rate | ")
    assert f"sensitivity, glioma (n = {report.per_class['glioma'].n}, " in table(report)


def test_plots_are_pictures(tmp_path: Path) -> None:
    scored = random_scored()
    files = write_plots(scored, evaluate(scored, POINT, resamples=20), tmp_path / "made")
    assert sorted(path.name for path in files) == ["confusion.png", "reliability.png", "roc.png"]
    for path in files:
        picture = cv2.imread(str(path))
        assert picture.shape[1] == 800
        assert picture.std() > 5


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
        Scored(np.array(probability), np.array([True, False]), np.array(name), np.arange(2))
