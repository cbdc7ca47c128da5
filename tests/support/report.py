"""What the tests of the drift report show: a stream of predictions, a check of it, and a week of labels."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.checks import Check, FeatureShift, Result
from monitoring.performance.types import Interval, LabelPerformance, WeekPerformance
from monitoring.reports.page import drift_report
from tests.support.drift import check_of

MADE = datetime(2025, 3, 1, 12, tzinfo=UTC)
TARGET_LABELS = ("Tumor",)
TUMOR = LabelPerformance(
    label="Tumor",
    predicted=22,
    actual=25,
    sensitivity=Interval(value=0.8, low=0.6, high=0.9),
    false_negative_rate=Interval(value=0.2, low=0.1, high=0.4),
    precision=Interval(value=0.91, low=0.72, high=0.98),
    estimated_sensitivity=Interval(value=0.88, low=0.84, high=0.92),
    estimated_precision=Interval(value=0.89, low=0.85, high=0.93),
)
NO_TUMOR = replace(
    TUMOR,
    label="No Tumor",
    sensitivity=Interval(value=0.75, low=0.5, high=0.85),
    false_negative_rate=Interval(value=0.25, low=0.15, high=0.5),
)
UNSEEN = replace(TUMOR, actual=0, sensitivity=None, false_negative_rate=None)
WEEK = WeekPerformance(
    week=date(2025, 2, 17),
    version="1.2.0",
    predictions=120,
    labelled=41,
    confusion={"No Tumor": {"No Tumor": 14, "Tumor": 2}, "Tumor": {"No Tumor": 5, "Tumor": 20}},
    accuracy=Interval(value=0.905, low=0.77, high=0.97),
    labels=(NO_TUMOR, TUMOR),
    expected_calibration_error=0.03,
    brier_score=0.08,
    calibration=(),
    estimated_accuracy=Interval(value=0.9312, low=0.91, high=0.95),
)
NAMES = ("brightness", "contrast", "flat", "entropy")


def predictions(count: int, seed: int, shift: float = 0.0, tumours: float = 0.5) -> PredictionArrays:
    """Predictions of a normal stream, of which the contrast is shifted; one feature never varies."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(count, len(NAMES))).astype(np.float32)
    features[:, 1] += shift
    features[:, 2] = 1
    labels = np.where(np.arange(count) < tumours * count, "Tumor", "No Tumor")
    embeddings = np.zeros((count, 2), np.float32)
    return PredictionArrays(embeddings, features, NAMES, draw.beta(8, 2, count).astype(np.float32), labels)


def check_on(
    reference: PredictionArrays, window: PredictionArrays, drifted: Collection[str] = (), *, mmd: bool = False
) -> Check:
    """A check that found these features drifted, and the embeddings where `mmd` says so."""
    shifts = tuple(
        FeatureShift(name, 0.5 if name in drifted else 0.1, 0.001 if name in drifted else 0.5, name in drifted)
        for name in dict.fromkeys((*reference.names, "confidence"))
    )
    results = (
        Result("mmd", 0.02, 0.01 if mmd else 0.03, 0.005 if mmd else 0.6, mmd),
        Result("ks", 0.5 if drifted else 0.1, 0.25, 0.001 if drifted else 0.5, bool(drifted), shifts),
    )
    return check_of(
        results, at=MADE, version="1.2.0", reference="1.1.7", reference_size=len(reference),
        window_size=len(window), since=MADE - timedelta(days=2), until=MADE - timedelta(hours=1),
    )  # fmt: skip


def report(
    reference: PredictionArrays, window: PredictionArrays, drifted: Collection[str] = (), *, mmd: bool = False
) -> str:
    """The page of such a check."""
    return drift_report(check_on(reference, window, drifted, mmd=mmd), reference, window, [WEEK], TARGET_LABELS)
