"""What a module concludes from one pass of its graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Decided = Literal["confident", "uncertain"]
OUT_OF_DISTRIBUTION = "out_of_distribution"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A label, how sure, and which of the graph's heatmaps explains it."""

    label: str
    confidence: float  # calibrated probability of the label
    probabilities: Mapping[str, float]
    decision: Decided
    warnings: tuple[str, ...]
    heatmap: int  # index of the label's heatmap
