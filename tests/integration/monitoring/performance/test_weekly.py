"""Performance: counted from labels, estimated without them, each week and model version by itself."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, delete

from monitoring import tables
from monitoring.log.retention import prune
from monitoring.performance.feedback import give
from monitoring.performance.intervals import estimated_accuracy, wilson
from monitoring.performance.types import LabelPerformance, WeekPerformance
from monitoring.performance.weekly import labelled, performance
from tests.support.logged import log, prediction
from tests.support.performance import holds

MODULE = "brain-tumor"
MONDAY = datetime(2025, 3, 3, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PRIOR = 0.3  # of tumors, in what is simulated


def binary(tumor: float, **columns: Any) -> dict[str, Any]:
    """A logged prediction of this probability of a tumor, in the week of MONDAY by default."""
    return prediction({"Tumor": tumor, "No Tumor": 1 - tumor}, **{"at": MONDAY, **columns})


def review(database: Engine, tumor: float, actual: str, **columns: Any) -> None:
    (request,) = log(database, binary(tumor, **columns))
    give(database, request, actual)


def only(weeks: list[WeekPerformance]) -> WeekPerformance:
    (week,) = weeks
    return week


def label(week: WeekPerformance, name: str) -> LabelPerformance:
    return next(one for one in week.labels if one.label == name)


def test_an_empty_log_has_no_weeks(database: Engine) -> None:
    assert performance(database, MODULE, LONG_AGO) == []
    assert not labelled(database, MODULE, LONG_AGO)


def test_without_labels_performance_is_unknown_but_estimated(database: Engine) -> None:
    log(database, binary(0.9), binary(0.2))
    week = only(performance(database, MODULE, LONG_AGO))
    assert (week.predictions, week.labelled, week.confusion, week.calibration) == (2, 0, {}, ())
    assert week.accuracy is week.expected_calibration_error is week.brier_score is None
    tumor = label(week, "Tumor")
    assert tumor.sensitivity is tumor.false_negative_rate is tumor.precision is None
    assert week.estimated_accuracy is not None
    assert week.estimated_accuracy.value == pytest.approx(0.85)
    assert tumor.estimated_precision is not None
    assert tumor.estimated_precision.value == pytest.approx(0.9)
    assert tumor.estimated_sensitivity is not None
    assert tumor.estimated_sensitivity.value == pytest.approx(0.9 / (0.9 + 0.2))


def test_labelled_findings_are_counted(database: Engine) -> None:
    for tumor, actual in ((0.95, "Tumor"), (0.85, "Tumor"), (0.75, "No Tumor"), (0.05, "No Tumor"), (0.35, "Tumor")):
        review(database, tumor, actual)
    week = only(performance(database, MODULE, LONG_AGO))
    assert week.labelled == 5
    assert week.confusion == {"Tumor": {"Tumor": 2, "No Tumor": 1}, "No Tumor": {"Tumor": 1, "No Tumor": 1}}
    assert week.accuracy == wilson(3, 5)
    tumor, none = label(week, "Tumor"), label(week, "No Tumor")
    assert (tumor.actual, tumor.predicted, none.actual, none.predicted) == (3, 3, 2, 2)
    assert (tumor.sensitivity, tumor.false_negative_rate, tumor.precision) == (wilson(2, 3), wilson(1, 3), wilson(2, 3))
    assert (none.sensitivity, none.precision) == (wilson(1, 2), wilson(1, 2))
    assert week.brier_score == pytest.approx((0.05**2 + 0.15**2 + 0.75**2 + 0.05**2 + 0.65**2) / 5)
    # Bins: 0.9 and up holds two, both right; 0.8, 0.7 and 0.6 hold one each: right, wrong, wrong.
    assert week.expected_calibration_error == pytest.approx((2 * 0.05 + 0.15 + 0.75 + 0.65) / 5)
    assert [(one.confidence, one.labelled) for one in week.calibration] == [
        ("0.6-0.7", 1), ("0.7-0.8", 1), ("0.8-0.9", 1), ("0.9-1.0", 2),
    ]  # fmt: skip


def test_a_label_never_seen_has_no_sensitivity(database: Engine) -> None:
    review(database, 0.9, "Tumor")
    none = label(only(performance(database, MODULE, LONG_AGO)), "No Tumor")
    assert none.sensitivity is None and none.precision is None and none.estimated_precision is None
    assert none.estimated_sensitivity is not None and none.estimated_sensitivity.value == 0


def test_an_abstention_is_no_right_answer_and_no_evidence_on_calibration(database: Engine) -> None:
    for tumor, actual, columns in (
        (0.9, "Tumor", {}),
        (0.1, "No Tumor", {}),
        (0.6, "Tumor", {"label": "Ambiguous"}),
    ):
        review(database, tumor, actual, **columns)
    week = only(performance(database, MODULE, MONDAY))
    assert week.accuracy is not None and week.accuracy.value == pytest.approx(2 / 3)
    assert week.confusion["Tumor"] == {"Ambiguous": 1, "No Tumor": 0, "Tumor": 1}
    assert {one.confidence for one in week.calibration} == {"0.9-1.0"}
    assert week.brier_score == pytest.approx(0.01)


def test_an_abstention_stays_one_once_its_prediction_was_deleted(database: Engine) -> None:
    review(database, 0.95, "Tumor")
    for _ in range(4):
        review(database, 0.6, "Tumor", label="Ambiguous")
    before = only(performance(database, MODULE, MONDAY))
    assert before.expected_calibration_error == pytest.approx(0.05) and before.brier_score == pytest.approx(0.0025)
    prune(database, days=1e5, rows=0)
    after = only(performance(database, MODULE, MONDAY))
    assert (after.predictions, after.labelled) == (0, 5)
    assert after.expected_calibration_error == before.expected_calibration_error
    assert (after.brier_score, after.calibration) == (before.brier_score, before.calibration)
    assert after.accuracy == before.accuracy == wilson(1, 5)


def test_weeks_and_versions_and_modules_are_kept_apart(database: Engine) -> None:
    review(database, 0.9, "Tumor", at=MONDAY - timedelta(microseconds=1))
    review(database, 0.9, "No Tumor", at=MONDAY)
    review(database, 0.9, "Tumor", at=MONDAY + timedelta(days=7, microseconds=-1), version="2")
    review(database, 0.9, "Tumor", at=MONDAY + timedelta(days=70))
    log(database, binary(0.9, module="other"))
    weeks = performance(database, MODULE, LONG_AGO)
    assert [(one.week, one.version, one.predictions, one.labelled) for one in weeks] == [
        (date(2025, 2, 24), "1", 1, 1), (date(2025, 3, 3), "1", 1, 1), (date(2025, 3, 3), "2", 1, 1),
        (date(2025, 5, 12), "1", 1, 1),
    ]  # fmt: skip
    assert [one.accuracy.value for one in weeks if one.accuracy] == [1, 0, 1, 1]
    assert performance(database, MODULE, MONDAY + timedelta(days=3), MONDAY + timedelta(days=5)) == weeks[1:3]


def test_versions_of_different_labels_do_not_mix(database: Engine) -> None:
    log(database, binary(0.9), prediction({"Glioma": 0.6, "None": 0.4}, at=MONDAY, version="2"))
    weeks = performance(database, MODULE, LONG_AGO)
    assert [[one.label for one in week.labels] for week in weeks] == [["No Tumor", "Tumor"], ["Glioma", "None"]]


def test_counts_outlive_the_predictions(database: Engine) -> None:
    review(database, 0.9, "Tumor")
    with database.begin() as connection:
        connection.execute(delete(tables.predictions))
    week = only(performance(database, MODULE, LONG_AGO))
    assert (week.predictions, week.labelled, week.accuracy) == (0, 1, wilson(1, 1))
    assert week.estimated_accuracy is None and week.labels[0].estimated_precision is None


def test_live_counts_are_by_predicted_actual_and_confidence(database: Engine) -> None:
    review(database, 0.9, "Tumor")
    review(database, 1.0, "Tumor")
    review(database, 0.3, "Tumor", label="Tumor")
    review(database, 0.0, "No Tumor", label="Tumor")
    review(database, 0.95, "Tumor", at=MONDAY - timedelta(days=1))
    review(database, 0.95, "Tumor", module="other")
    log(database, binary(0.9))
    assert labelled(database, MODULE, MONDAY) == {
        ("Tumor", "Tumor", "0.9-1.0"): 2,
        ("Tumor", "Tumor", "0.3-0.4"): 1,
        ("Tumor", "No Tumor", "0.0-0.1"): 1,
    }


def test_a_calibrated_model_is_estimated_as_good_as_it_is(database: Engine) -> None:
    rng = np.random.default_rng(4)
    chance = rng.beta(0.6, 1.4, 4000)  # of a tumor
    is_tumor, found = rng.random(chance.size) < chance, chance >= PRIOR  # a threshold other than 0.5
    rows = [binary(float(p), label="Tumor" if called else "No Tumor") for p, called in zip(chance, found, strict=True)]
    log(database, *rows)
    week = only(performance(database, MODULE, LONG_AGO))
    confidence = np.where(found, chance, 1 - chance)
    expected = estimated_accuracy(confidence)
    assert expected is not None and week.estimated_accuracy is not None
    assert asdict(week.estimated_accuracy) == pytest.approx(asdict(expected))
    assert expected.high - expected.low < 0.03
    assert holds(week.estimated_accuracy, np.mean(found == is_tumor))
    tumor = label(week, "Tumor")
    assert holds(tumor.estimated_sensitivity, np.mean(found[is_tumor]))
    assert holds(tumor.estimated_precision, np.mean(is_tumor[found]))
