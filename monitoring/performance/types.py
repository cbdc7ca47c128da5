"""How well a module did, by week and model version: the figures, as they are reported and answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured or estimated share with its 95% interval, all within 0..1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LabelPerformance:
    """How well one label was found. A share is null where nothing speaks to it."""

    label: str
    predicted: Annotated[int, Field(description="labelled predictions that were given this label")]
    actual: Annotated[int, Field(description="labelled predictions that truly have it")]
    sensitivity: Interval | None
    false_negative_rate: Interval | None
    precision: Interval | None
    estimated_sensitivity: Annotated[
        Interval | None, Field(description="without labels, from calibrated probabilities alone")
    ]
    estimated_precision: Annotated[
        Interval | None, Field(description="without labels, from calibrated probabilities alone")
    ]


@dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """How often predictions of about one confidence were right."""

    confidence: Annotated[str, Field(description='such as "0.9-1.0"; lower edge inclusive')]
    labelled: int
    mean_confidence: float
    accuracy: Interval


@dataclass(frozen=True, slots=True)
class WeekPerformance:
    """One model version in one week, by the time of the predictions. Labelled ones are rarely a random sample."""

    week: Annotated[date, Field(description="its Monday; weeks begin at 00:00 UTC")]
    version: str
    predictions: Annotated[int, Field(description="in the log; older ones may have been deleted")]
    labelled: int
    confusion: Annotated[
        Mapping[str, Mapping[str, int]],
        Field(description="labelled predictions: actual label, then the predicted"),
    ]
    accuracy: Interval | None
    labels: tuple[LabelPerformance, ...]
    expected_calibration_error: Annotated[
        float | None, Field(description="of the confidences, over ten bins of equal width")
    ]
    brier_score: Annotated[float | None, Field(description="mean of (confidence - 1 if right else 0) squared")]
    calibration: tuple[ConfidenceBin, ...]
    estimated_accuracy: Annotated[
        Interval | None, Field(description="without labels, from calibrated confidences alone")
    ]
