"""The API's types about many findings: `/predictions`, `/drift`, `/feedback` and `/performance`."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from imip.disclaimer import DISCLAIMER
from imip.finding import Answer

ReviewerRole = Literal["radiologist", "physician", "researcher", "student", "other"]
CommentCategory = Literal["agrees", "false_positive", "false_negative", "wrong_class", "poor_image", "other"]


class LoggedPrediction(Answer):
    """One answered prediction as the log keeps it. No scan, no name, no address."""

    request_id: str
    at: datetime
    module: str
    version: str = Field(description="of the model")
    format: str
    label: str
    confidence: float
    probabilities: dict[str, float]
    decision: str
    warnings: tuple[str, ...]
    seconds: dict[str, float] = Field(description="wall-clock seconds by stage")
    features: dict[str, float] = Field(description="image and evidence features")
    attributes: dict[str, str] = Field(description="technical DICOM attributes")


class PredictionPage(Answer):
    """Predictions, newest first."""

    predictions: tuple[LoggedPrediction, ...]
    next: str | None = Field(description="`before` of the next page; null on the last one")
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER


class DetectorVerdict(Answer):
    """What one detector says of the window."""

    model_config = ConfigDict(from_attributes=True)

    detector: str
    statistic: float
    threshold: float
    p_value: float
    drifted: bool


class FeatureVerdict(Answer):
    """How far one feature has shifted."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    statistic: float = Field(description="Kolmogorov-Smirnov distance from the reference, 0..1")
    p_value: float
    drifted: bool = Field(description="with the false discovery rate over all features controlled")


class DriftCheck(Answer):
    """One comparison of a module's newest findings with its reference."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    drifted: bool = Field(description="whether any detector says so")
    version: str = Field(description="of the model")
    reference: str = Field(description="version of the reference")
    reference_size: int
    window_size: int = Field(description="independent findings compared")
    window_rows: int = Field(description="findings they were chosen from")
    since: datetime = Field(description="of the window's first finding")
    until: datetime = Field(description="of its last")
    seconds: float = Field(description="the check took")
    detectors: tuple[DetectorVerdict, ...] = Field(validation_alias="results")
    features: tuple[FeatureVerdict, ...] = Field(description="by their shift, largest first")


class DriftStatus(Answer):
    """The latest check of each module that has had one."""

    monitor: Literal["running", "absent"] = Field(description="whether any monitor computes for this log")
    modules: dict[str, DriftCheck]
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER


class Feedback(BaseModel):
    """What a reviewer says of an answered finding. Roles and comments are categories: no free text is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: str = Field(pattern="^[0-9a-f]{32}$", description="of the finding, as it was answered")
    label: str = Field(min_length=1, max_length=64, description="the true label, one of the finding's probabilities")
    reviewer_role: ReviewerRole | None = None
    comment: CommentCategory | None = None


class FeedbackAnswer(Answer):
    """What was predicted and what it is said to be."""

    request_id: str
    module: str
    predicted: str
    actual: str
    replaced: bool = Field(description="whether earlier feedback of other content was overwritten")
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER


class Interval(Answer):
    """A measured or estimated share with its 95% interval, all within 0..1."""

    value: float
    low: float
    high: float


class LabelPerformance(Answer):
    """How well one label was found. A share is null where nothing speaks to it."""

    label: str
    predicted: int = Field(description="labelled findings that were given this label")
    actual: int = Field(description="labelled findings that truly have it")
    sensitivity: Interval | None
    false_negative_rate: Interval | None
    precision: Interval | None
    estimated_sensitivity: Interval | None = Field(description="without labels, from calibrated probabilities alone")
    estimated_precision: Interval | None = Field(description="without labels, from calibrated probabilities alone")


class ConfidenceBin(Answer):
    """How often findings of about one confidence were right."""

    confidence: str = Field(description='such as "0.9-1.0"; lower edge inclusive')
    labelled: int
    mean_confidence: float
    accuracy: Interval


class WeekPerformance(Answer):
    """One model version in one week, by the time of the predictions. Labelled findings are seldom a random sample."""

    week: date = Field(description="its Monday; weeks begin at 00:00 UTC")
    version: str
    predictions: int = Field(description="in the log; older ones may have been deleted")
    labelled: int
    confusion: dict[str, dict[str, int]] = Field(description="labelled findings: actual label, then the predicted")
    accuracy: Interval | None
    labels: tuple[LabelPerformance, ...]
    expected_calibration_error: float | None = Field(description="of the confidences, over ten bins of equal width")
    brier_score: float | None = Field(description="mean of (confidence - 1 if right else 0) squared")
    calibration: tuple[ConfidenceBin, ...]
    estimated_accuracy: Interval | None = Field(description="without labels, from calibrated confidences alone")


class Performance(Answer):
    """How well a module did, oldest week first."""

    module: str
    weeks: tuple[WeekPerformance, ...]
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER
