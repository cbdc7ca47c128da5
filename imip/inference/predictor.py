"""Analyse one scan, from its bytes to a prediction, and measure the time of each stage."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from imip.inference.card import HeatmapKind
from imip.inference.decision import OTHER_MODALITY, OUT_OF_DISTRIBUTION, Decision
from imip.inference.features import image_features
from imip.inference.heatmap_features import heatmap_features
from imip.inference.modality import check_modality, has_wrong_modality
from imip.inference.module import AnalysisModule
from imip.inference.output import Output
from imip.inference.preprocessing import ModelInput
from imip.inference.region_features import region_features
from imip.prediction import EvidenceRegion, Prediction
from imip.scan.limits import DEFAULT_LIMITS, Limits
from imip.scan.read import read_scan
from imip.scan.scan import Scan

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
    """A prediction, with the scan and the model output that an explanation needs."""

    prediction: Prediction
    scan: Scan
    model_input: ModelInput
    output: Output
    heatmap: NDArray[np.float32]  # (h, w) >= 0, of the predicted label, covers the input of the model
    heatmap_kind: HeatmapKind


def analyse(
    data: bytes,
    module: AnalysisModule,
    *,
    request_id: str | None = None,
    frame: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    burned_in: Literal["refuse", "warn"] = "warn",
    any_modality: bool = False,
) -> Analysis:
    """Read a scan and predict its label with a module. Without `request_id` the prediction gets a new one.

    The prediction for an out-of-distribution scan is never "confident".

    Raises ScanError if the file is invalid, and its subclass WrongModality if the module does not support the declared
    modality; with `any_modality` this is only a warning.
    """
    watch = Stopwatch()
    with watch.stage("decode"):
        scan = read_scan(data, frame=frame, limits=limits, burned_in=burned_in)
    if not any_modality:
        check_modality(scan, module.card)
    with watch.stage("measure"):
        features = image_features(scan)
    with watch.stage("preprocess"):
        model_input = module.prepare(scan, features)
    with watch.stage("infer"):
        output = module.run(model_input)
        decision = module.decide(output)
        is_unknown = module.is_out_of_distribution(output)
    warnings = {OUT_OF_DISTRIBUTION: is_unknown, OTHER_MODALITY: has_wrong_modality(scan, module.card)}
    with watch.stage("measure"):
        regions, found = locate(module, scan, features, model_input, output, decision)
    height, width = scan.pixels.shape
    prediction = Prediction(
        request_id=request_id or uuid4().hex,
        at=datetime.now(UTC),
        module=module.name,
        version=module.card.version,
        format=scan.format,
        label=decision.label,
        confidence=decision.confidence,
        probabilities=decision.probabilities,
        decision="uncertain" if is_unknown else decision.certainty,
        warnings=scan.warnings + tuple(name for name, applies in warnings.items() if applies),
        seconds=dict(watch.seconds),
        features=features | found,
        embedding=output.embedding,
        attributes=scan.attributes,
        width=width,
        height=height,
        frame=scan.frame,
        frames=scan.frames,
        reasons=decision.reasons,
        advice=decision.advice,
        regions=regions,
    )
    heatmap = output.heatmaps[:, :, decision.heatmap]
    return Analysis(prediction, scan, model_input, output, heatmap, module.card.heatmap)


def locate(
    module: AnalysisModule,
    scan: Scan,
    features: Mapping[str, float],
    model_input: ModelInput,
    output: Output,
    decision: Decision,
) -> tuple[tuple[EvidenceRegion, ...], dict[str, float]]:
    """Return where in a scan a decision points to: its regions, and the heatmap and region features."""
    regions = module.regions(output, decision, model_input, scan, features)
    heatmap = heatmap_features(output.heatmaps[:, :, decision.heatmap], decision.confidence)
    return regions, heatmap | region_features(regions, model_input.slice_shape)
