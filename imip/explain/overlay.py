"""Draw a heatmap and the outlines of regions over their slice, with the disclaimer as caption."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.disclaimer import CAPTION
from imip.explain.heatmap import SliceHeatmap
from imip.prediction import EvidenceRegion

SHORTEST_VIEW, LONGEST_VIEW = 320, 1024  # pixels of the longer side of the picture
OPACITY = 0.55  # of the heatmap at its peak
CAPTION_HEIGHT = 22  # pixels
LINE, RIM = (255, 255, 0), (0, 0, 0)  # BGR; cyan is not in the heatmap, and its black rim shows on bright tissue
SUBPIXEL_BITS = 4  # of the coordinates of lines


def draw_overlay(
    pixels: NDArray[np.uint8], heatmap: SliceHeatmap, regions: Sequence[EvidenceRegion] = ()
) -> NDArray[np.uint8]:
    """Blend a heatmap over its slice, both (H, W), and outline regions.

    Return a BGR picture with a caption below, (h, w, 3) uint8.
    """
    longest = max(pixels.shape)
    scale = min(max(longest, SHORTEST_VIEW), LONGEST_VIEW) / longest
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    gray = cv2.cvtColor(cv2.resize(pixels, size, interpolation=_interpolation(scale)), cv2.COLOR_GRAY2BGR)
    heat = cv2.resize(heatmap.values, size, interpolation=_interpolation(scale))
    colour = cv2.applyColorMap(np.round(heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    opacity = (OPACITY * heat)[..., None]
    blended = np.round(gray * (1 - opacity) + colour * opacity).astype(np.uint8)
    _outline(blended, regions, pixels.shape)
    return np.concatenate([blended, _caption(size[0])])


def _outline(picture: NDArray[np.uint8], regions: Sequence[EvidenceRegion], slice_shape: tuple[int, ...]) -> None:
    """Draw the outlines of regions into a picture of the slice, (h, w, 3) BGR."""
    scale = np.array(picture.shape[:2]) / slice_shape
    outlines = [np.array(region.outline) * scale - 0.5 for region in regions]  # OpenCV counts from the first middle
    lines = [np.round(outline[:, ::-1] * 2**SUBPIXEL_BITS).astype(np.int32) for outline in outlines]
    for colour, thickness in ((RIM, 3), (LINE, 1)):
        cv2.polylines(picture, lines, True, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def _interpolation(scale: float) -> int:
    return cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR


def _caption(width: int) -> NDArray[np.uint8]:
    strip = np.zeros((CAPTION_HEIGHT, width, 3), np.uint8)
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.42
    length = cv2.getTextSize(CAPTION, font, size, 1)[0][0]
    if length + 8 > width:
        size *= (width - 8) / length
    return np.asarray(cv2.putText(strip, CAPTION, (4, 15), font, size, (255, 255, 255), 1, cv2.LINE_AA), np.uint8)
