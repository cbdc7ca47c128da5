"""The card of a model artifact: what the model is, what it decides by, how well, and for whom it is not.

The sections follow Mitchell et al. 2019, "Model Cards for Model Reporting".
"""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSpec(_Part):
    """What the graph takes: one grayscale slice cut to the head, (side, side), 0..255."""

    side: int = Field(gt=0)
    modality: str


class Decision(_Part):
    """How a probability becomes a label, and when the label is called uncertain. All on calibrated probability."""

    threshold: float = Field(gt=0, lt=1)
    uncertain_from: float = Field(ge=0, le=1)
    uncertain_to: float = Field(ge=0, le=1)
    rule: str


class Calibration(_Part):
    """Platt scaling of the logit, already inside the graph: sigmoid(slope * logit + intercept)."""

    method: str
    slope: float
    intercept: float


class OutOfDistribution(_Part):
    """The distance from the reference above which a scan gets a warning."""

    distance: str
    threshold: float
    rule: str


class Card(_Part):
    """Everything that is known about one version of one model. Unknown keys are refused."""

    module: str
    version: str
    title: str
    labels: tuple[str, ...]
    input: InputSpec
    decision: Decision
    calibration: Calibration
    out_of_distribution: OutOfDistribution
    files: dict[str, str] = Field(description="SHA-256 of each file of the artifact but this one")
    licence: str
    details: str
    intended_use: str
    non_recommended_use: str
    factors: str
    data: str
    metrics: dict[str, Any] = Field(description="Measured figures with 95% intervals; {} before evaluation")
    ethics: str
    caveats: str

    def interval(self, figure: str) -> tuple[float, float] | None:
        """Return the 95% interval of a figure on the clean test part; None if that was not measured."""
        measured = self.metrics.get("test", {}).get("metrics", {}).get(figure)
        return None if measured is None else (measured["low"], measured["high"])

    @classmethod
    def read(cls, path: Path) -> "Card":
        """Read a card from YAML.

        Raises OSError if there is none, yaml.YAMLError if it is no YAML, pydantic.ValidationError if it is no card.
        """
        return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        """Write the card as YAML, keys in the order above."""
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
        path.write_text(text, encoding="utf-8")
