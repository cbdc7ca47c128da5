"""The API's types: what `/predict`, `/heatmap` and `/meta` answer."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from imip.disclaimer import DISCLAIMER
from imip.inference.card import Card
from imip.inference.decision import Certainty
from imip.scan.read import Format


class Answer(BaseModel):
    """What a route answers: unchangeable, and with every field, whether or not it was set."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class ModelVersion(Answer):
    """Which model answered."""

    name: str
    version: str


class Timings(Answer):
    """Wall-clock milliseconds by stage."""

    decode: float
    preprocess: float
    infer: float


class ScanFacts(Answer):
    """What was read: format, size in pixels, which frame of how many, and allowlisted technical attributes."""

    format: Format
    width: int
    height: int
    frame: int = Field(description="the frame that was analysed, counted from 0")
    frames: int
    attributes: dict[str, str]


class Reason(Answer):
    """One step of why, in words and values."""

    model_config = ConfigDict(from_attributes=True)

    text: str
    measure: str = Field(description="what was measured")
    value: float
    threshold: float | None = Field(description="what the value was compared with; null if with nothing")


class Finding(Answer):
    """What a module says of one scan."""

    request_id: str
    module: str
    label: str
    confidence: float = Field(
        ge=0, le=1, description="calibrated probability of the label; the highest one where the label is an abstention"
    )
    probabilities: dict[str, float]
    decision: Certainty
    reasons: tuple[Reason, ...] = Field(description="why, step by step, of a module that can say it; else empty")
    advice: str | None = Field(description="what to make of the answer, where that needs saying")
    warnings: tuple[str, ...]
    scan: ScanFacts
    model: ModelVersion
    timings_ms: Timings
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER


class PixelBox(Answer):
    """A rectangle in pixels of the scan, far edges exclusive."""

    top: int
    left: int
    bottom: int
    right: int


class Peak(Answer):
    """A pixel of the scan."""

    row: int
    column: int


class HeatmapPicture(Answer):
    """Where the evidence for the label lies. Region, peak and ratio are null or 0 if nothing speaks for it."""

    png_base64: str = Field(description="the heatmap over the scan, 8-bit grayscale PNG, 255 at the peak")
    overlay_png_base64: str = Field(description="scan and heatmap as one picture, as `Accept: image/png` answers")
    bounding_box: PixelBox | None = Field(description="around the pixels hotter than half the peak")
    peak: Peak | None
    area_ratio: float = Field(ge=0, le=1, description="share of the scan hotter than half the peak")


class ExplainedFinding(Finding):
    """A finding and its heatmap."""

    heatmap: HeatmapPicture


class ModuleMeta(Answer):
    """One served module."""

    name: str
    title: str
    question: str
    modalities: tuple[str, ...] = Field(description="DICOM Modality codes of the scans it is for, the usual one first")
    labels: tuple[str, ...]
    abstention: str | None = Field(description="answered where no label is chosen; null if one always is")
    version: str
    card: Card


class LimitsMeta(Answer):
    """What is refused unread."""

    body_bytes: int
    side_pixels: int
    pixels: int
    frames: int
    decoded_bytes: int
    inflated_bytes: int


class Meta(Answer):
    """What this server serves and accepts."""

    name: Literal["imip"] = "imip"
    version: str
    default_module: str
    modules: tuple[ModuleMeta, ...]
    accepted_formats: tuple[str, ...]
    limits: LimitsMeta
    burned_in_annotation: Literal["refuse", "warn"]
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER
