"""A label's heatmap laid over the slice: where it peaks, how far it reaches, and how it looks as a picture."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.inference.heatmap_features import HOT
from imip.inference.preprocessing import ModelInput, Region


@dataclass(frozen=True, slots=True)
class SliceHeatmap:
    """A heatmap in the slice's own pixels."""

    values: NDArray[np.float32]  # (H, W), 0..1; all 0 where nothing speaks for the label
    peak: tuple[int, int] | None  # row, column; None if all 0
    hot_box: Region | None  # around all pixels hotter than HOT
    area_ratio: float  # of the slice that is hotter than HOT


def lay_over_slice(heatmap: NDArray[np.float32], model_input: ModelInput) -> SliceHeatmap:
    """Scale one label's heatmap, (h, w) >= 0, to 0..1 and place it on the slice it came from."""
    placed = model_input.to_slice(heatmap)
    highest = float(placed.max())
    if highest <= 0:
        return SliceHeatmap(np.zeros_like(placed), None, None, 0.0)
    values = placed / highest
    hot = values > HOT
    rows, columns = np.flatnonzero(hot.any(axis=1)), np.flatnonzero(hot.any(axis=0))
    peak_row, peak_column = np.unravel_index(int(values.argmax()), values.shape)
    return SliceHeatmap(
        values=values,
        peak=(int(peak_row), int(peak_column)),
        hot_box=Region(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1),
        area_ratio=float(hot.mean()),
    )


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """Encode (H, W) or (H, W, 3) BGR as PNG, with OpenCV's defaults, which favour speed over size."""
    return cv2.imencode(".png", image)[1].tobytes()
