"""A heatmap on its slice: scale, peak, box, share, and the picture of both."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imip.explain.heatmap import HOT_RATIO, encode_png, place_on_slice
from imip.explain.overlay import CAPTION_HEIGHT, LONGEST_VIEW, SHORTEST_VIEW, draw_overlay
from imip.inference.head import crop_to_head
from imip.inference.preprocessing import ModelInput, Region


def whole(height: int, width: int) -> ModelInput:
    """A cropped slice whose head is all of it."""
    return crop_to_head(np.full((height, width), 200, np.uint8), 128)


def spot(row: int, column: int, side: int = 16) -> NDArray[np.float32]:
    rows, columns = np.mgrid[:side, :side]
    return (7 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 4)).astype(np.float32)


def test_a_spot_peaks_where_it_is_and_is_scaled_to_one() -> None:
    heatmap = place_on_slice(spot(4, 12), whole(160, 160))
    assert heatmap.values.max() == 1 and heatmap.values.min() >= 0
    assert heatmap.peak is not None and heatmap.hot_region is not None
    assert np.abs(np.array(heatmap.peak) - (45, 125)).max() <= 5
    box = heatmap.hot_region
    assert box.top <= heatmap.peak[0] < box.bottom and box.left <= heatmap.peak[1] < box.right


def test_the_box_holds_all_that_is_hot_and_the_share_counts_it() -> None:
    heatmap = place_on_slice(spot(4, 12) + spot(11, 3), whole(120, 200))
    box = heatmap.hot_region
    hot = heatmap.values > HOT_RATIO
    assert box is not None and hot.any()
    outside = hot.copy()
    outside[box.top : box.bottom, box.left : box.right] = False
    assert not outside.any()
    for edge in (hot[box.top], hot[box.bottom - 1], hot[:, box.left], hot[:, box.right - 1]):
        assert edge.any()
    assert heatmap.area_ratio == pytest.approx(hot.mean()) and 0 < heatmap.area_ratio < 1


def test_what_is_exactly_half_as_hot_as_the_peak_is_not_highlighted() -> None:
    halves = np.full((16, 16), 0.5, np.float32)
    halves[2, 3] = 1
    heatmap = place_on_slice(halves, whole(16, 16))
    assert heatmap.hot_region == Region(2, 3, 3, 4)
    assert heatmap.area_ratio == 1 / 256


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (50, 70)])
def test_where_nothing_speaks_for_a_label_there_is_no_place(shape: tuple[int, int]) -> None:
    heatmap = place_on_slice(np.zeros((16, 16), np.float32), whole(*shape))
    assert (heatmap.peak, heatmap.hot_region, heatmap.area_ratio) == (None, None, 0.0)
    assert heatmap.values.shape == shape and not heatmap.values.any()


def test_the_strength_of_the_evidence_does_not_change_the_heatmap() -> None:
    weak, strong = (place_on_slice(spot(5, 5) * factor, whole(64, 64)) for factor in (1e-6, 1e6))
    assert np.allclose(weak.values, strong.values, atol=1e-5)
    assert weak.hot_region == strong.hot_region


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
    heatmap = place_on_slice(np.zeros((16, 16), np.float32), whole(*shape))
    drawn = draw_overlay(pixels, heatmap)
    assert drawn.shape == (picture[0] + CAPTION_HEIGHT, picture[1], 3)
    assert (drawn[:-CAPTION_HEIGHT] == 90).all()  # cold pixels stay as they are


def test_the_picture_is_coloured_where_it_is_hot_alone() -> None:
    pixels = np.full((320, 320), 100, np.uint8)
    model_input = crop_to_head(pixels, 128)
    drawn = draw_overlay(pixels, place_on_slice(spot(3, 3), model_input))[:-CAPTION_HEIGHT].astype(int)
    colourful = np.ptp(drawn, axis=2) > 30
    assert colourful[40:100, 40:100].any()
    assert not colourful[200:, 200:].any()


def test_the_caption_fits_and_is_the_same_for_every_wide_picture() -> None:
    strips = []
    for width in (320, 500):
        pixels = np.zeros((320, width), np.uint8)
        strips.append(draw_overlay(pixels, place_on_slice(np.zeros((4, 4), np.float32), whole(320, width))))
    one, other = (strip[-CAPTION_HEIGHT:, :320] for strip in strips)
    assert np.array_equal(one, other)
    assert one.max() > 200 and not one[:, -20:].any()


def test_png_encoding_loses_nothing() -> None:
    for shape in ((1, 1), (7, 9), (5, 4, 3)):
        image = np.random.default_rng(3).integers(0, 255, shape, np.uint8)
        decoded = cv2.imdecode(np.frombuffer(encode_png(image), np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(decoded, image)


def test_boxes_know_their_sides() -> None:
    box = Region(1, 2, 11, 32)
    assert (box.height, box.width) == (10, 30)
