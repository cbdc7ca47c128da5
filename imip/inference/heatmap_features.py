"""Heatmap features: the confidence, and the position and size of the heatmap. Logged with the image features."""

import numpy as np
from numpy.typing import NDArray

HOT_RATIO = 0.5  # of the peak; hotter pixels are the highlighted area
HEATMAP_FEATURES = (
    "confidence",
    "evidence_area_ratio",
    "evidence_row",
    "evidence_column",
    "evidence_peak_row",
    "evidence_peak_column",
    "evidence_peak",
)


def heatmap_features(heatmap: NDArray[np.float32], confidence: float) -> dict[str, float]:
    """Return HEATMAP_FEATURES in order, of one label's heatmap, (h, w) >= 0. Positions are 0..1 in the module's input.

    confidence: calibrated probability of the label given.
    evidence_area_ratio: share of the input hotter than half the peak; 0 if the heatmap is empty.
    evidence_row, evidence_column: centroid of the heatmap; 0.5 if it is empty.
    evidence_peak_row, evidence_peak_column: position of the maximum; 0.5 if the heatmap is empty.
    evidence_peak: value of the maximum, 0 or more, in the unit of the module's heatmaps; no unit.
    """
    heat = heatmap.astype(np.float64)
    peak, total = float(heat.max()), float(heat.sum())
    row = column = peak_row = peak_column = 0.5
    if peak > 0:
        rows, columns = ((np.arange(length) + 0.5) / length for length in heat.shape)
        row, column = float(rows @ heat.sum(axis=1)) / total, float(columns @ heat.sum(axis=0)) / total
        hottest = np.unravel_index(int(heat.argmax()), heat.shape)
        peak_row, peak_column = float(rows[hottest[0]]), float(columns[hottest[1]])
    area = float(np.mean(heat > HOT_RATIO * peak))
    return dict(zip(HEATMAP_FEATURES, (float(confidence), area, row, column, peak_row, peak_column, peak), strict=True))
