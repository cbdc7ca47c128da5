"""Scale the heatmap of a label to the slice, and describe its peak and its highlighted area."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.inference.heatmap_features import HOT_RATIO
from imip.inference.preprocessing import ModelInput, Region


@dataclass(frozen=True, slots=True)
class SliceHeatmap:
    """A heatmap in pixels of the slice."""

    values: NDArray[np.float32]  # (H, W), 0..1; all 0 if the heatmap is empty
    peak: tuple[int, int] | None  # row, column; None if the heatmap is empty
    hot_region: Region | None  # contains all pixels hotter than HOT_RATIO; None if the heatmap is empty
    area_ratio: float  # share of the slice that is hotter than HOT_RATIO


def place_on_slice(heatmap: NDArray[np.float32], model_input: ModelInput) -> SliceHeatmap:
    """Scale a heatmap, (h, w) >= 0, to 0..1 and to the pixels of its slice; 0 outside the region of the input."""
    placed = model_input.to_slice(heatmap)
    highest = float(placed.max())
    if highest <= 0:
        return SliceHeatmap(np.zeros_like(placed), None, None, 0.0)
    values = placed / highest
    hot = values > HOT_RATIO
    rows, columns = np.flatnonzero(hot.any(axis=1)), np.flatnonzero(hot.any(axis=0))
    peak_row, peak_column = np.unravel_index(int(values.argmax()), values.shape)
    return SliceHeatmap(
        values=values,
        peak=(int(peak_row), int(peak_column)),
        hot_region=Region(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1),
        area_ratio=float(hot.mean()),
    )


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """Encode (H, W) or (H, W, 3) BGR as PNG, with the default compression of OpenCV, which is fast."""
    return cv2.imencode(".png", image)[1].tobytes()
