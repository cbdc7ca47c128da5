"""Gauges of what the log's newest rows say."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import Engine

from imip.inference.card import Card
from monitoring import metrics
from monitoring.drift.checks import Check
from monitoring.log.queries import extent, newest_confidences
from monitoring.performance.intervals import estimated_accuracy
from monitoring.performance.weekly import CONFIDENCE_BINS, labelled

LABELLED_SINCE = timedelta(days=30)
ESTIMATED_PREDICTIONS = 1_000  # the newest, whatever their age


def show_check(check: Check, window: int, before: Check | None = None) -> None:
    """Set the gauges to a check; `window` is the size wanted of its window, `before` the check exported until now."""
    module = check.module
    if before is not None and before.reference != check.reference:
        metrics.drift_reference_info.labels(module, before.reference).set(0)
    metrics.drift_reference_info.labels(module, check.reference).set(1)
    for result in check.detectors:
        metrics.drift_detected.labels(module, result.detector).set(result.drifted)
        metrics.drift_statistic.labels(module, result.detector).set(result.statistic)
        metrics.drift_threshold.labels(module, result.detector).set(result.threshold)
        metrics.drift_p_value.labels(module, result.detector).set(result.p_value)
    for shift in check.features:
        metrics.drift_feature_statistic.labels(module, shift.name).set(shift.statistic)
        metrics.drift_feature_detected.labels(module, shift.name).set(shift.drifted)
    metrics.drift_window_fill.labels(module).set(check.window_size / window)
    metrics.drift_reference_findings.labels(module).set(check.reference_size)
    metrics.drift_last_check.labels(module).set(check.at.timestamp())
    metrics.drift_check_duration.labels(module).set(check.seconds)


def show_performance(engine: Engine, cards: Sequence[Card]) -> None:
    """Set the gauges to what reviewers said lately, and to the accuracy estimated from the newest confidences."""
    for card in cards:
        counts = labelled(engine, card.module, datetime.now(UTC) - LABELLED_SINCE)
        for predicted in card.possible_labels:
            for actual in card.labels:
                for confidence in CONFIDENCE_BINS:
                    found = counts[predicted, actual, confidence]
                    metrics.labelled_findings.labels(card.module, predicted, actual, confidence).set(found)
        newest = newest_confidences(engine, card.module, card.labels, ESTIMATED_PREDICTIONS)
        if (estimate := estimated_accuracy(np.array(newest))) is not None:
            metrics.estimated_accuracy.labels(card.module).set(estimate.value)


def show_log(engine: Engine, days: float, rows: int) -> None:
    """Set the gauges to what the log holds and what retention, `days` and `rows`, lets it hold."""
    metrics.log_retention_time.set(timedelta(days=days).total_seconds())
    metrics.log_retention_rows.set(rows)
    stored, oldest = extent(engine)
    metrics.log_stored.set(stored)
    metrics.log_oldest.set(0 if oldest is None else oldest.timestamp())
