"""What the routes about many predictions take and answer: `/predictions`, `/drift`, `/feedback` and `/performance`."""

from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from imip.disclaimer import DISCLAIMER
from imip.prediction import LOGGED, Prediction
from monitoring.drift.checks import Check
from monitoring.performance.feedback import Comment, ReviewerRole
from monitoring.performance.types import WeekPerformance
from serving.schemas.answer import Answer

LISTED = tuple(name for name in LOGGED if name != "embedding")
# A later version may log other formats and decisions than this one knows.
HINTS = get_type_hints(Prediction, include_extras=True) | {"format": str, "decision": str}

if TYPE_CHECKING:
    LoggedPrediction = Any
else:
    LoggedPrediction = create_model(
        "LoggedPrediction",
        __base__=Answer,
        __doc__="One answered prediction as the log keeps it. No scan, no name, no address.",
        **{name: (HINTS[name], ...) for name in LISTED},
    )


class PredictionPage(Answer):
    """Predictions, newest first."""

    predictions: tuple[LoggedPrediction, ...]
    next: str | None = Field(description="`before` of the next page; null on the last one")
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER


class DriftStatus(Answer):
    """The latest check of each module that has had one."""

    monitor: Literal["running", "absent"] = Field(description="whether any monitor computes for this log")
    modules: dict[str, Check]
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER


class Feedback(BaseModel):
    """What a reviewer says of an answered prediction. Roles and comments are categories: no free text is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: str = Field(pattern="^[0-9a-f]{32}$", description="of the prediction, as it was answered")
    label: str = Field(min_length=1, max_length=64, description="the true label, one of the prediction's probabilities")
    reviewer_role: ReviewerRole | None = None
    comment: Comment | None = None


class FeedbackAnswer(Answer):
    """What was predicted and what it is said to be."""

    request_id: str
    module: str
    predicted: str
    actual: str
    replaced: bool = Field(description="whether earlier feedback of other content was overwritten")
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER


class Performance(Answer):
    """How well a module did, oldest week first."""

    module: str
    weeks: tuple[WeekPerformance, ...]
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER
