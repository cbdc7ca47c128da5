"""Gauges show what the log's newest rows say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from monitoring.gauges import LABELLED_SINCE, show_check, show_log, show_performance
from monitoring.log.retention import prune
from monitoring.performance.feedback import give
from tests.support.drift import CHECK, RESULTS, card, check_of
from tests.support.logged import log, prediction
from tests.support.metrics import gauge


def predicted(module: str, tumor: float, days: float = 0, **columns: Any) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(days=days)
    return prediction({"Tumor": tumor, "No Tumor": 1 - tumor}, at=at, module=module, **columns)


def labelled(module: str, predicted: str, actual: str, confidence: str) -> float | None:
    return gauge("labelled_findings", module=module, predicted=predicted, actual=actual, confidence=confidence)


def test_a_check_is_shown() -> None:
    show_check(replace(CHECK, module="shown"), 50)
    for result in RESULTS:
        labels = {"module": "shown", "detector": result.detector}
        assert gauge("drift_detected", **labels) == result.drifted
        assert gauge("drift_statistic", **labels) == result.statistic
        assert gauge("drift_threshold", **labels) == result.threshold
        assert gauge("drift_p_value", **labels) == result.p_value
    for shift in CHECK.features:
        labels = {"module": "shown", "feature": shift.name}
        assert gauge("drift_feature_statistic", **labels) == shift.statistic
        assert gauge("drift_feature_detected", **labels) == shift.drifted
    assert gauge("drift_window_fill_ratio", module="shown") == 40 / 50
    assert gauge("drift_reference_findings", module="shown") == 185
    assert gauge("drift_last_check_timestamp_seconds", module="shown") == CHECK.at.timestamp()
    assert gauge("drift_check_duration_seconds", module="shown") == 0.5


def test_another_reference_takes_the_place_of_the_one_before() -> None:
    first = replace(CHECK, module="referred", reference="first")
    show_check(first, 50)
    show_check(replace(first, reference="second"), 50, first)
    assert gauge("drift_reference_info", module="referred", version="first") == 0
    assert gauge("drift_reference_info", module="referred", version="second") == 1


def test_a_later_check_takes_its_place() -> None:
    show_check(replace(CHECK, module="replaced"), 50)
    calm = replace(RESULTS[1], drifted=False, statistic=0.25)
    show_check(check_of((calm,), module="replaced", window_size=50), 50)
    assert gauge("drift_detected", module="replaced", detector="ks") == 0
    assert gauge("drift_statistic", module="replaced", detector="ks") == 0.25
    assert gauge("drift_window_fill_ratio", module="replaced") == 1


def test_labelled_findings_are_counted_by_both_labels_and_confidence(database: Engine) -> None:
    module = f"labelled-{database.dialect.name}"
    right, wrong, old, _ = log(
        database, predicted(module, 0.95), predicted(module, 0.93),
        predicted(module, 0.97, LABELLED_SINCE.days + 1), predicted(module, 0.99),
    )  # fmt: skip
    give(database, right, "Tumor")
    give(database, wrong, "No Tumor")
    give(database, old, "No Tumor")
    show_performance(database, [card(module)])
    assert labelled(module, "Tumor", "Tumor", "0.9-1.0") == 1
    assert labelled(module, "Tumor", "No Tumor", "0.9-1.0") == 1
    assert labelled(module, "No Tumor", "Tumor", "0.9-1.0") == 0


def test_a_corrected_label_moves(database: Engine) -> None:
    module = f"corrected-{database.dialect.name}"
    (request,) = log(database, predicted(module, 0.75))
    for actual in ("No Tumor", "Tumor"):
        give(database, request, actual)
        show_performance(database, [card(module)])
    assert labelled(module, "Tumor", "No Tumor", "0.7-0.8") == 0
    assert labelled(module, "Tumor", "Tumor", "0.7-0.8") == 1


def test_accuracy_is_estimated_from_the_newest_confidences(database: Engine) -> None:
    module = f"estimated-{database.dialect.name}"
    show_performance(database, [card(module)])
    assert gauge("estimated_accuracy_ratio", module=module) is None
    log(database, predicted(module, 0.9), predicted(module, 0.3), predicted("other", 0.5))
    show_performance(database, [card(module)])
    assert gauge("estimated_accuracy_ratio", module=module) == pytest.approx(0.8)


def test_the_log_is_shown_beside_what_retention_lets_it_hold(database: Engine) -> None:
    log(database, *(predicted("kept", 0.9, days=days) for days in (3, 2, 1)))
    show_log(database, 30, 500)
    oldest = gauge("log_oldest_timestamp_seconds")
    assert gauge("log_stored_rows") == 3
    assert oldest is not None and abs(datetime.now(UTC).timestamp() - oldest - 3 * 86400) < 3600
    assert (gauge("log_retention_seconds"), gauge("log_retention_rows")) == (30 * 86400, 500)


def test_a_log_that_was_emptied_has_no_oldest_prediction(database: Engine) -> None:
    log(database, predicted("emptied", 0.9, days=3))
    show_log(database, 30, 500)
    prune(database, 1, 500)
    show_log(database, 30, 500)
    assert (gauge("log_stored_rows"), gauge("log_oldest_timestamp_seconds")) == (0, 0)
