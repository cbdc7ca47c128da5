"""An analysis explained: the heatmap of its label on the slice, and the picture of both with the decision path."""

from dataclasses import dataclass, replace

from imip.explain.decision_path import draw_below
from imip.explain.heatmap import SliceHeatmap, encode_png, lay_over_slice
from imip.explain.overlay import draw_overlay
from imip.inference.predictor import Analysis, Stopwatch
from imip.prediction import Prediction


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a prediction came out as it did."""

    prediction: Prediction  # with the seconds that explaining took
    heatmap: SliceHeatmap
    overlay: bytes  # PNG of the slice with its heatmap, and below it the decision path where there are reasons


def explain(analysis: Analysis) -> Explanation:
    """Return the explanation of the label given."""
    watch = Stopwatch()
    with watch.stage("explain"):
        heatmap = lay_over_slice(analysis.heatmap, analysis.model_input)
    with watch.stage("overlay"):
        overlay = encode_png(draw_below(draw_overlay(analysis.scan.pixels, heatmap), analysis.prediction))
    seconds = {**analysis.prediction.seconds, **watch.seconds}
    return Explanation(replace(analysis.prediction, seconds=seconds), heatmap, overlay)
