"""The card of a model artifact: what the model is, how it decides, how good it is, and what it must not be used for.

The sections follow Mitchell et al. 2019, "Model Cards for Model Reporting".
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from imip.errors import ArtifactError

HeatmapKind = Literal["Grad-CAM", "evidence", "reconstruction error", "decision path"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSpec(_Section):
    """The input of the model: one grayscale image, cropped by its module, (side, side), 0..255."""

    side: int = Field(gt=0)
    modalities: tuple[str, ...] = Field(min_length=1, description="DICOM Modality codes, the usual one first")


class DecisionRule(_Section):
    """How probabilities become a label, and when it is uncertain. All thresholds are calibrated probabilities."""

    thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]]
    rule: str

    def at(self, name: str) -> float:
        """Return a threshold. Raises ArtifactError if the card does not have it."""
        try:
            return self.thresholds[name]
        except KeyError:
            raise ArtifactError(f"card.yaml has no threshold '{name}'") from None


class Calibration(_Section):
    """How scores are converted to probabilities. The engine already does this."""

    method: str
    parameters: dict[str, FiniteFloat]

    def at(self, name: str) -> float:
        """Return a parameter. Raises ArtifactError if the card does not have it."""
        try:
            return self.parameters[name]
        except KeyError:
            raise ArtifactError(f"card.yaml has no calibration parameter '{name}'") from None


class OutOfDistribution(_Section):
    """The distance from the reference, and the probability of a foreign picture, above which a scan gets a warning."""

    distance: str
    threshold: float
    foreign: float | None = Field(default=None, ge=0, le=1, description="null if the model does not compute it")
    rule: str


class Card(_Section):
    """All information about one version of one model. Unknown keys are an error."""

    module: str
    version: str
    title: str
    question: str
    labels: tuple[str, ...]
    abstention: str | None = Field(description="answered where no label is chosen; null if one always is")
    input: InputSpec
    heatmap: HeatmapKind = Field(
        description="what the heatmaps are; evidence: the probability in each place that what is looked for is there"
    )
    decision: DecisionRule
    calibration: Calibration
    out_of_distribution: OutOfDistribution
    trained_without: str | None = Field(default=None, description="source left out of training; null if none was")
    engine: str = Field(description="name of the file that computes")
    files: dict[str, str] = Field(description="SHA-256 of each file of the artifact but this one")
    licence: str
    details: str
    intended_use: str
    non_recommended_use: str
    factors: str
    data: str
    headline: str = Field(description="the figure of the test part that sums the model up")
    metrics: dict[str, Any] = Field(description="Measured figures with 95% intervals; {} before evaluation")
    ethics: str
    caveats: str

    @property
    def possible_labels(self) -> tuple[str, ...]:
        """Every label that a prediction can have, including the abstention."""
        return self.labels if self.abstention is None else (*self.labels, self.abstention)

    @property
    def target_labels(self) -> tuple[str, ...]:
        """The labels that must not be missed: the first of two, otherwise all."""
        return self.labels[:1] if len(self.labels) == 2 else self.labels

    def interval(self, figure: str) -> tuple[float, float] | None:
        """Return the 95% interval of a metric on the clean test set, None if it is unknown."""
        measured = self.metrics.get("test", {}).get("metrics", {}).get(figure, {"low": None})
        return None if measured["low"] is None else (measured["low"], measured["high"])

    @classmethod
    def read(cls, path: Path) -> "Card":
        """Read a card from YAML.

        Raises OSError if it is missing, yaml.YAMLError if it is not YAML, pydantic.ValidationError if it is not a card.
        """
        return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        """Write the card as YAML, with the fields in their order."""
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
        path.write_text(text, encoding="utf-8")
