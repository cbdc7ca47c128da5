"""Where a module looked and how sure it was, as numbers: the second half of a finding's features."""

import numpy as np
from numpy.typing import NDArray

HOT = 0.5  # of the peak; what is hotter counts as the highlighted area
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
    """Return HEATMAP_FEATURES in order, of one label's Grad-CAM, (h, w) >= 0; places are in the module's input.

    confidence: calibrated probability of the label given.
    evidence_area_ratio: share of the input hotter than half the peak; 0 without evidence.
    evidence_row, evidence_column: centroid of the heat; 0.5 without evidence.
    evidence_peak_row, evidence_peak_column: place of the hottest cell; 0.5 without evidence.
    evidence_peak: heat of the hottest cell, as Grad-CAM gives it (Selvaraju et al. 2017); no unit, 0 and up.
    """
    heat = heatmap.astype(np.float64)
    peak, total = float(heat.max()), float(heat.sum())
    row = column = peak_row = peak_column = 0.5
    if peak > 0:
        rows, columns = ((np.arange(length) + 0.5) / length for length in heat.shape)
        row, column = float(rows @ heat.sum(axis=1)) / total, float(columns @ heat.sum(axis=0)) / total
        hottest = np.unravel_index(int(heat.argmax()), heat.shape)
        peak_row, peak_column = float(rows[hottest[0]]), float(columns[hottest[1]])
    area = float(np.mean(heat > HOT * peak))
    return dict(zip(HEATMAP_FEATURES, (float(confidence), area, row, column, peak_row, peak_column, peak), strict=True))
