"""Scale the heatmap of a label to the slice, and describe its peak and its highlighted area.

Evidence is a probability and stays as it is; any other heatmap is scaled to its own peak.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.inference.card import HeatmapKind
from imip.inference.heatmap_features import HOT_RATIO
from imip.inference.preprocessing import ModelInput, Region

LIKELY = 0.5  # evidence; what is above is highlighted


@dataclass(frozen=True, slots=True)
class SliceHeatmap:
    """A heatmap in pixels of the slice.

    A pixel is hot above LIKELY if the heatmap is evidence, otherwise above HOT_RATIO of the peak.
    """

    values: NDArray[np.float32]  # (H, W), 0..1; all 0 if the heatmap is empty
    peak: tuple[int, int] | None  # row, column; None if the heatmap is empty
    hot_region: Region | None  # contains all hot pixels; None if there is none
    area_ratio: float  # share of the slice that is hot


def place_on_slice(heatmap: NDArray[np.float32], model_input: ModelInput, kind: HeatmapKind) -> SliceHeatmap:
    """Scale a heatmap, (h, w) >= 0, to the pixels of its slice; 0 outside the region of the input.

    Evidence stays 0..1 as it is, any other kind is scaled to a peak of 1.
    """
    placed = model_input.to_slice(heatmap)
    highest = float(placed.max())
    if highest <= 0:
        return SliceHeatmap(np.zeros_like(placed), None, None, 0.0)
    values, limit = (placed.clip(0, 1), LIKELY) if kind == "evidence" else (placed / highest, HOT_RATIO)
    hot = values > limit
    peak_row, peak_column = np.unravel_index(int(values.argmax()), values.shape)
    return SliceHeatmap(
        values=values,
        peak=(int(peak_row), int(peak_column)),
        hot_region=_around(hot),
        area_ratio=float(hot.mean()),
    )


def _around(hot: NDArray[np.bool_]) -> Region | None:
    rows, columns = np.flatnonzero(hot.any(axis=1)), np.flatnonzero(hot.any(axis=0))
    if not rows.size:
        return None
    return Region(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """Encode (H, W) or (H, W, 3) BGR as PNG, with the default compression of OpenCV, which is fast."""
    return cv2.imencode(".png", image)[1].tobytes()
