"""From an analysis to the API's types."""

import base64
from typing import get_args

import numpy as np

from imip import __version__
from imip.explain.heatmap import SliceHeatmap, encode_png
from imip.finding import (
    ExplainedFinding,
    Finding,
    HeatmapPicture,
    LimitsMeta,
    Meta,
    ModelVersion,
    ModuleMeta,
    Peak,
    PixelBox,
    Reason,
    ScanFacts,
    Timings,
)
from imip.inference.card import Card
from imip.inference.module import AnalysisModule
from imip.inference.predictor import Analysis, Stage
from imip.scan.read import Format
from imip.settings import Settings


def finding(analysis: Analysis, module: AnalysisModule, request_id: str) -> Finding:
    """Describe an analysis without its heatmap."""
    scan, decision = analysis.scan, analysis.decision
    height, width = scan.pixels.shape
    return Finding(
        request_id=request_id,
        module=module.name,
        label=decision.label,
        confidence=decision.confidence,
        probabilities=dict(decision.probabilities),
        decision=decision.certainty,
        reasons=tuple(Reason.model_validate(reason) for reason in decision.reasons),
        advice=decision.advice,
        warnings=analysis.warnings,
        scan=ScanFacts(
            format=scan.format,
            width=width,
            height=height,
            frame=scan.frame,
            frames=scan.frames,
            attributes=dict(scan.attributes),
        ),
        model=ModelVersion(name=module.name, version=module.card.version),
        timings_ms=Timings(
            decode=_milliseconds(analysis, "decode"),
            preprocess=_milliseconds(analysis, "preprocess"),
            infer=_milliseconds(analysis, "infer"),
        ),
    )


def explained(plain: Finding, heatmap: SliceHeatmap, overlay: bytes) -> ExplainedFinding:
    """Add a heatmap and its picture to a finding."""
    box, peak = heatmap.hot_box, heatmap.peak
    picture = HeatmapPicture(
        png_base64=_base64(encode_png(np.round(heatmap.values * 255).astype(np.uint8))),
        overlay_png_base64=_base64(overlay),
        bounding_box=PixelBox(top=box.top, left=box.left, bottom=box.bottom, right=box.right) if box else None,
        peak=Peak(row=peak[0], column=peak[1]) if peak else None,
        area_ratio=heatmap.area_ratio,
    )
    return ExplainedFinding(**plain.model_dump(), heatmap=picture)


def meta(modules: dict[str, AnalysisModule], settings: Settings) -> Meta:
    """Describe what is served."""
    limits = settings.limits
    return Meta(
        version=__version__,
        default_module=next(iter(modules)),
        modules=tuple(module_meta(module.card) for module in modules.values()),
        accepted_formats=get_args(Format),
        limits=LimitsMeta(
            body_bytes=limits.body_bytes,
            side_pixels=limits.side,
            pixels=limits.pixels,
            frames=limits.frames,
            decoded_bytes=limits.decoded_bytes,
            inflated_bytes=limits.inflated_bytes,
        ),
        burned_in_annotation=settings.burned_in,
    )


def module_meta(card: Card) -> ModuleMeta:
    """Describe one module by its card."""
    return ModuleMeta(
        name=card.module,
        title=card.title,
        question=card.question,
        modalities=card.input.modalities,
        labels=card.labels,
        abstention=card.abstention,
        version=card.version,
        card=card,
    )


def _milliseconds(analysis: Analysis, stage: Stage) -> float:
    return round(analysis.watch.seconds[stage] * 1000, 3)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
