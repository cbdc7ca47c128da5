"""What a module concludes from one pass of its model, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

from imip.prediction import Certainty, Reason

OUT_OF_DISTRIBUTION = "out_of_distribution"
OTHER_MODALITY = "other_modality"
WARNINGS = (OUT_OF_DISTRIBUTION, OTHER_MODALITY)  # that a module gives


@dataclass(frozen=True, slots=True)
class Decision:
    """A label, how sure, and which of the output's heatmaps explains it."""

    label: str  # one of the card's answers
    confidence: float  # calibrated probability of the label; of the most probable one, where none was chosen
    probabilities: Mapping[str, float]
    certainty: Certainty
    heatmap: int  # index of the label's heatmap
    reasons: tuple[Reason, ...] = ()
    advice: str | None = None
