"""Slice and heatmap as one picture: its size, its colours and its caption."""

import numpy as np
import pytest

from imip.explain.heatmap import place_on_slice
from imip.explain.overlay import CAPTION_HEIGHT, LONGEST_VIEW, SHORTEST_VIEW, draw_overlay
from imip.inference.head import crop_to_head
from imip.prediction import EvidenceRegion, Pixel, PixelBox, Point
from tests.support.slices import spot, whole


@pytest.mark.parametrize(
    ("shape", "picture"),
    [
        ((160, 120), (SHORTEST_VIEW, 240)),
        ((100, 320), (100, 320)),
        ((400, 600), (400, 600)),
        ((2048, 1024), (LONGEST_VIEW, 512)),
        ((1, 1), (SHORTEST_VIEW, SHORTEST_VIEW)),
        ((1, 4000), (1, LONGEST_VIEW)),
        ((4000, 1), (LONGEST_VIEW, 1)),
    ],
)
def test_the_picture_keeps_the_slices_aspect_above_the_caption(
    shape: tuple[int, int], picture: tuple[int, int]
) -> None:
    pixels = np.full(shape, 90, np.uint8)
    heatmap = place_on_slice(np.zeros((16, 16), np.float32), whole(*shape), "Grad-CAM")
    drawn = draw_overlay(pixels, heatmap)
    assert drawn.shape == (picture[0] + CAPTION_HEIGHT, picture[1], 3)
    assert (drawn[:-CAPTION_HEIGHT] == 90).all()  # cold pixels stay as they are


def test_the_picture_is_coloured_where_it_is_hot_alone() -> None:
    pixels = np.full((320, 320), 100, np.uint8)
    model_input = crop_to_head(pixels, 128)
    drawn = draw_overlay(pixels, place_on_slice(spot(3, 3), model_input, "Grad-CAM"))[:-CAPTION_HEIGHT].astype(int)
    colourful = np.ptp(drawn, axis=2) > 30
    assert colourful[40:100, 40:100].any()
    assert not colourful[200:, 200:].any()


def test_the_caption_fits_and_is_the_same_for_every_wide_picture() -> None:
    strips = []
    for width in (320, 500):
        pixels = np.zeros((320, width), np.uint8)
        strips.append(draw_overlay(pixels, place_on_slice(np.zeros((4, 4), np.float32), whole(320, width), "Grad-CAM")))
    one, other = (strip[-CAPTION_HEIGHT:, :320] for strip in strips)
    assert np.array_equal(one, other)
    assert one.max() > 200 and not one[:, -20:].any()


@pytest.mark.parametrize("tissue", [0, 128, 255])
@pytest.mark.parametrize("shape", [(100, 200), (400, 400), (3000, 1500)])
def test_the_outline_of_a_region_shows_on_dark_and_bright_tissue(tissue: int, shape: tuple[int, int]) -> None:
    pixels = np.full(shape, tissue, np.uint8)
    height, width = shape
    top, left, bottom, right = height // 4, width // 4, height // 2, 3 * width // 4
    corners = ((top, left), (top, right), (bottom, right), (bottom, left))
    region = EvidenceRegion(corners, PixelBox(top, left, bottom, right), Point(0, 0), Pixel(0, 0), 0.9, 0.1, None)
    cold = place_on_slice(np.zeros((16, 16), np.float32), whole(*shape), "evidence")
    plain, outlined = draw_overlay(pixels, cold), draw_overlay(pixels, cold, [region])
    cyan = np.argwhere(np.ptp(outlined.astype(int), axis=2) > 120)
    scale = (outlined.shape[0] - CAPTION_HEIGHT) / height
    edges = [*(cyan.min(axis=0) / scale), *((cyan.max(axis=0) + 1) / scale)]
    assert edges == pytest.approx([top, left, bottom, right], abs=1 + 1 / scale)
    changed = np.any(outlined != plain, axis=2)
    first, last = (int(edge * scale) for edge in (top, bottom))
    assert not changed[first + 4 : last - 4, outlined.shape[1] // 2].any()
    assert 0 < changed.mean() < 0.1
