"""What `/predict` and `/heatmap` answer, made from a prediction and its explanation."""

import base64
from collections.abc import Mapping
from typing import Literal

import numpy as np
from pydantic import Field

from imip.disclaimer import DISCLAIMER
from imip.explain.explanation import Explanation
from imip.explain.heatmap import encode_png
from imip.prediction import Certainty, EvidenceRegion, Pixel, PixelBox, Prediction, Reason
from imip.scan.scan import Format
from serving.schemas.answer import Answer


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
    attributes: Mapping[str, str]


class PredictionAnswer(Answer):
    """What a module says of one scan."""

    request_id: str
    module: str
    label: str
    confidence: float = Field(
        ge=0, le=1, description="calibrated probability of the label; the highest one where the label is an abstention"
    )
    probabilities: Mapping[str, float]
    decision: Certainty
    reasons: tuple[Reason, ...] = Field(description="why, step by step, of a module that can say it; else empty")
    advice: str | None = Field(description="what to make of the answer, where that needs saying")
    regions: tuple[EvidenceRegion, ...] = Field(
        description="where what was found is, strongest first, of a module that can say it; else empty"
    )
    warnings: tuple[str, ...]
    scan: ScanFacts
    model: ModelVersion
    timings_ms: Timings
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER


class HeatmapPicture(Answer):
    """What the answer is based on, by place. Box, peak and ratio are null or 0 if the heatmap is empty.

    Evidence is the probability that something is there, whatever the label; any other heatmap is about the label, and
    its values are shares of its peak.
    """

    png_base64: str = Field(
        description="the heatmap over the scan, 8-bit grayscale PNG; 255 is a probability of 1, or the peak"
    )
    overlay_png_base64: str = Field(description="scan and heatmap as one picture, as `Accept: image/png` answers")
    bounding_box: PixelBox | None = Field(description="around the pixels above a probability of 0.5, or half the peak")
    peak: Pixel | None
    area_ratio: float = Field(ge=0, le=1, description="share of the scan above a probability of 0.5, or half the peak")


class HeatmapAnswer(PredictionAnswer):
    """A prediction and its heatmap."""

    heatmap: HeatmapPicture


def predicted(prediction: Prediction) -> PredictionAnswer:
    """Return the answer of `/predict`."""
    return PredictionAnswer(
        request_id=prediction.request_id,
        module=prediction.module,
        label=prediction.label,
        confidence=prediction.confidence,
        probabilities=prediction.probabilities,
        decision=prediction.decision,
        reasons=prediction.reasons,
        advice=prediction.advice,
        regions=prediction.regions,
        warnings=prediction.warnings,
        scan=ScanFacts(**{name: getattr(prediction, name) for name in ScanFacts.model_fields}),
        model=ModelVersion(name=prediction.module, version=prediction.version),
        timings_ms=Timings(**{stage: _milliseconds(prediction.seconds[stage]) for stage in Timings.model_fields}),
    )


def explained(explanation: Explanation) -> HeatmapAnswer:
    """Return the answer of `/heatmap` as JSON."""
    heatmap = explanation.heatmap
    box, peak = heatmap.hot_region, heatmap.peak
    picture = HeatmapPicture(
        png_base64=_base64(encode_png(np.round(heatmap.values * 255).astype(np.uint8))),
        overlay_png_base64=_base64(explanation.overlay),
        bounding_box=PixelBox(box.top, box.left, box.bottom, box.right) if box else None,
        peak=Pixel(*peak) if peak else None,
        area_ratio=heatmap.area_ratio,
    )
    return HeatmapAnswer(**dict(predicted(explanation.prediction)), heatmap=picture)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
