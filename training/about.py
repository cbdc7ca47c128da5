"""What a module is, in words and constants: the part of its card that its author writes.

It is a data file, `models/<module>/about.yaml`. Mitchell et al. 2019, "Model Cards", says what the texts are for.
"""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from imip.inference.card import HeatmapKind

MODELS = Path(__file__).parents[1] / "models"
ABOUT = "about.yaml"


class About(BaseModel):
    """One module. The texts end up in its card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    question: str = Field(description="that it answers, for whoever chooses a module")
    labels: tuple[str, ...] = Field(min_length=2, description="in the model's order")
    abstention: str | None = Field(default=None, description="what it answers where it chooses no label")
    modalities: tuple[str, ...] = Field(min_length=1, description="DICOM Modality codes, the usual one first")
    side: int = Field(gt=0, description="pixels of its square input")
    heatmap: HeatmapKind = Field(description="what its heatmaps are")
    headline: str = Field(description="the figure of the test part that sums it up")
    licence: str = "Apache-2.0"
    details: str
    decision_rule: str = Field(description="how its thresholds were chosen")
    data: str
    factors: str
    caveats: str
    intended_use: str
    non_recommended_use: str
    ethics: str


def read_about(module: str) -> About:
    """Read the words of a module.

    Raises FileNotFoundError if it has none, pydantic.ValidationError if a field is missing or unknown.
    """
    return About.model_validate(yaml.safe_load((MODELS / module / ABOUT).read_text(encoding="utf-8")))
