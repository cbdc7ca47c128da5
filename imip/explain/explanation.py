"""Explain a prediction: the heatmap of its label, and a picture of slice, heatmap, regions and decision path."""

from dataclasses import dataclass, replace

from imip.explain.decision_path import append_decision_path
from imip.explain.heatmap import SliceHeatmap, encode_png, place_on_slice
from imip.explain.overlay import draw_overlay
from imip.inference.predictor import Analysis, Stopwatch
from imip.prediction import Prediction


@dataclass(frozen=True, slots=True)
class Explanation:
    """A heatmap and a picture that explain a prediction."""

    prediction: Prediction  # including the seconds of the stages `explain` and `overlay`
    heatmap: SliceHeatmap
    overlay: bytes  # PNG: the slice with its heatmap and regions and, if there are reasons, the decision path below


def explain(analysis: Analysis) -> Explanation:
    """Explain the predicted label."""
    watch = Stopwatch()
    with watch.stage("explain"):
        heatmap = place_on_slice(analysis.heatmap, analysis.model_input, analysis.heatmap_kind)
    with watch.stage("overlay"):
        overlay = draw_overlay(analysis.scan.pixels, heatmap, analysis.prediction.regions)
        picture = encode_png(append_decision_path(overlay, analysis.prediction))
    seconds = {**analysis.prediction.seconds, **watch.seconds}
    return Explanation(replace(analysis.prediction, seconds=seconds), heatmap, picture)
