"""The decision of a module from one output of its model, with reasons."""

from collections.abc import Mapping
from dataclasses import dataclass

from imip.prediction import Certainty, Reason

OUT_OF_DISTRIBUTION = "out_of_distribution"
OTHER_MODALITY = "other_modality"
WARNINGS = (OUT_OF_DISTRIBUTION, OTHER_MODALITY)  # given by modules


@dataclass(frozen=True, slots=True)
class Decision:
    """A label, its certainty, and which heatmap of the output explains it."""

    label: str  # one of the possible labels in the card
    confidence: float  # calibrated probability of the label; of the most probable label if the module abstained
    probabilities: Mapping[str, float]
    certainty: Certainty
    heatmap: int  # index of the label's heatmap
    reasons: tuple[Reason, ...] = ()
    advice: str | None = None
