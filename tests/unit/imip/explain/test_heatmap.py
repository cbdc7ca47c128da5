"""A heatmap on its slice: its scale, peak, box and share."""

import cv2
import numpy as np
import pytest

from imip.explain.heatmap import HOT_RATIO, encode_png, place_on_slice
from imip.inference.preprocessing import Region
from tests.support.evidence import blob
from tests.support.slices import spot, whole


def test_a_spot_peaks_where_it_is_and_is_scaled_to_one() -> None:
    heatmap = place_on_slice(spot(4, 12), whole(160, 160), "Grad-CAM")
    assert heatmap.values.max() == 1 and heatmap.values.min() >= 0
    assert heatmap.peak is not None and heatmap.hot_region is not None
    assert np.abs(np.array(heatmap.peak) - (45, 125)).max() <= 5
    box = heatmap.hot_region
    assert box.top <= heatmap.peak[0] < box.bottom and box.left <= heatmap.peak[1] < box.right


def test_the_box_holds_all_that_is_hot_and_the_share_counts_it() -> None:
    heatmap = place_on_slice(spot(4, 12) + spot(11, 3), whole(120, 200), "Grad-CAM")
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
    heatmap = place_on_slice(halves, whole(16, 16), "Grad-CAM")
    assert heatmap.hot_region == Region(2, 3, 3, 4)
    assert heatmap.area_ratio == 1 / 256


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (50, 70)])
def test_where_nothing_speaks_for_a_label_there_is_no_place(shape: tuple[int, int]) -> None:
    heatmap = place_on_slice(np.zeros((16, 16), np.float32), whole(*shape), "Grad-CAM")
    assert (heatmap.peak, heatmap.hot_region, heatmap.area_ratio) == (None, None, 0.0)
    assert heatmap.values.shape == shape and not heatmap.values.any()


def test_the_strength_of_the_evidence_does_not_change_the_heatmap() -> None:
    weak, strong = (place_on_slice(spot(5, 5) * factor, whole(64, 64), "Grad-CAM") for factor in (1e-6, 1e6))
    assert np.allclose(weak.values, strong.values, atol=1e-5)
    assert weak.hot_region == strong.hot_region


def test_evidence_stays_a_probability_and_is_highlighted_above_a_half() -> None:
    heatmap = place_on_slice(blob(20, 40, radius=6, height=0.8), whole(128, 128), "evidence")
    assert heatmap.values.max() == pytest.approx(0.8)
    assert heatmap.area_ratio == pytest.approx(np.mean(heatmap.values > 0.5)) and heatmap.area_ratio > 0
    box = heatmap.hot_region
    assert box is not None
    assert (box.top, box.left, box.bottom, box.right) == pytest.approx((28, 68, 52, 92), abs=2)


def test_weak_evidence_has_a_peak_and_highlights_nothing() -> None:
    heatmap = place_on_slice(blob(20, 40, height=0.4), whole(128, 128), "evidence")
    assert heatmap.values.max() == pytest.approx(0.4)
    assert heatmap.peak is not None
    assert (heatmap.hot_region, heatmap.area_ratio) == (None, 0.0)


def test_png_encoding_loses_nothing() -> None:
    for shape in ((1, 1), (7, 9), (5, 4, 3)):
        image = np.random.default_rng(3).integers(0, 255, shape, np.uint8)
        decoded = cv2.imdecode(np.frombuffer(encode_png(image), np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(decoded, image)
