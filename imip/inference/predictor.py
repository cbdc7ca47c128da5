"""The path of one scan: bytes, slice, features, cropped input, output, decision, heatmap; each stage timed."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from imip.explain.decision_path import draw_below
from imip.explain.heatmap import SliceHeatmap, encode_png, lay_over_slice
from imip.explain.overlay import draw_overlay
from imip.inference.decision import OTHER_MODALITY, OUT_OF_DISTRIBUTION, Decision
from imip.inference.features import heatmap_features, image_features
from imip.inference.modality import contradicts, require
from imip.inference.module import AnalysisModule
from imip.inference.output import Output
from imip.inference.preprocessing import ModelInput
from imip.scan.limits import DEFAULT_LIMITS, Limits
from imip.scan.read import Scan, read_scan

Stage = Literal["decode", "preprocess", "infer", "measure", "explain", "overlay"]


class Stopwatch:
    """Wall-clock seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Analysis:
    """One scan gone through one module."""

    scan: Scan
    model_input: ModelInput
    output: Output
    decision: Decision
    warnings: tuple[str, ...]  # the scan's, then the module's
    features: Mapping[str, float]  # imip.inference.features.FEATURES
    watch: Stopwatch = field(repr=False)


def analyse(
    data: bytes,
    module: AnalysisModule,
    *,
    frame: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    burned_in: Literal["refuse", "warn"] = "warn",
    any_modality: bool = False,
) -> Analysis:
    """Read a scan and let a module judge it.

    Raises ScanError if the file is at fault; WrongModality, one of them, if it declares a modality that the module is
    not for, unless `any_modality` lets it pass with a warning.
    """
    watch = Stopwatch()
    with watch.stage("decode"):
        scan = read_scan(data, frame=frame, limits=limits, burned_in=burned_in)
    if not any_modality:
        require(scan, module.card)
    with watch.stage("measure"):
        features = image_features(scan)
    with watch.stage("preprocess"):
        model_input = module.prepare(scan, features)
    with watch.stage("infer"):
        output = module.run(model_input)
        decision = module.decide(output)
        found = {
            OUT_OF_DISTRIBUTION: module.is_out_of_distribution(output),
            OTHER_MODALITY: contradicts(scan, module.card),
        }
        warnings = scan.warnings + tuple(name for name, applies in found.items() if applies)
    with watch.stage("measure"):
        features |= heatmap_features(output.heatmaps[:, :, decision.heatmap], decision.confidence)
    return Analysis(scan, model_input, output, decision, warnings, features, watch)


def explain(analysis: Analysis) -> SliceHeatmap:
    """Return the heatmap of the label given, on the slice."""
    with analysis.watch.stage("explain"):
        return lay_over_slice(analysis.output.heatmaps[:, :, analysis.decision.heatmap], analysis.model_input)


def overlay_png(analysis: Analysis, heatmap: SliceHeatmap) -> bytes:
    """Return the slice with its heatmap as a PNG, and below it the path to the decision where that has reasons."""
    with analysis.watch.stage("overlay"):
        return encode_png(draw_below(draw_overlay(analysis.scan.pixels, heatmap), analysis.decision))
