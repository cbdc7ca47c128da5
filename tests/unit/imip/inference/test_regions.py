"""Regions of evidence: where they are in the slice, how large, how probable, and when there are none."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from imip.inference.preprocessing import ModelInput, Region
from imip.inference.regions import MOST, RegionRule, find_regions, pixel_area
from imip.prediction import EvidenceRegion
from tests.support.evidence import MAP, blob

RULE = RegionRule(threshold=0.5, slope=1.0, intercept=0.0)
SQUARE = (128, 128)


def model_input(shape: tuple[int, int] = SQUARE, region: Region | None = None) -> ModelInput:
    return ModelInput(np.zeros((128, 128), np.uint8), region or Region(0, 0, *shape), shape)


def found(
    evidence: NDArray[np.float32],
    cut: ModelInput | None = None,
    rule: RegionRule = RULE,
    foreground: float = 128 * 128,
    pixel_mm2: float | None = None,
) -> tuple[EvidenceRegion, ...]:
    return find_regions(evidence, rule, cut or model_input(), foreground, pixel_mm2)


def edges(region: EvidenceRegion) -> tuple[int, int, int, int]:
    return region.box.top, region.box.left, region.box.bottom, region.box.right


def test_a_blob_is_found_where_it_is() -> None:
    evidence = blob(20, 40)
    evidence[22, 41] = 0.99
    (region,) = found(evidence)
    assert (region.centroid.row, region.centroid.column) == pytest.approx((40, 80), abs=1)
    assert edges(region) == pytest.approx((30, 70, 50, 90), abs=2)
    assert (region.peak.row, region.peak.column) == pytest.approx((45, 83), abs=1)
    outline = np.array(region.outline)
    assert len(outline) >= 6
    assert np.hypot(*(outline - (40, 80)).T) == pytest.approx(10, abs=1.5)


def test_its_area_is_a_share_of_the_head_and_known_in_mm_where_the_spacing_is() -> None:
    circle = np.pi * 10**2  # pixels of the slice
    (region,) = found(blob(20, 40), foreground=8000, pixel_mm2=0.25)
    assert region.area_ratio == pytest.approx(circle / 8000, rel=0.1)
    assert region.area_mm2 == pytest.approx(circle / 4, rel=0.1)
    assert found(blob(20, 40))[0].area_mm2 is None
    assert found(blob(20, 40), foreground=100)[0].area_ratio == 1
    assert found(blob(20, 40), foreground=0)[0].area_ratio == 0


@pytest.mark.parametrize(
    ("spacing", "area"), [("0.5\\0.8", 0.4), ("0.5", None), ("", None), (None, None), ("1\\1\\1", None)]
)
def test_the_area_of_a_pixel_is_the_product_of_both_spacings(spacing: str | None, area: float | None) -> None:
    attributes = {"Modality": "MR"} if spacing is None else {"PixelSpacing": spacing}
    assert pixel_area(attributes) == (None if area is None else pytest.approx(area))


def test_two_blobs_are_two_regions_the_stronger_first() -> None:
    weak, strong = found(np.maximum(blob(12, 12, height=0.7), blob(50, 45, radius=3, height=0.95)))[::-1]
    assert (strong.centroid.row, strong.centroid.column) == pytest.approx((100, 90), abs=1)
    assert (weak.centroid.row, weak.centroid.column) == pytest.approx((24, 24), abs=1)
    assert strong.confidence > weak.confidence


def test_confidence_is_the_calibrated_mean_of_the_strongest_cells() -> None:
    rule = RegionRule(0.5, slope=0.7, intercept=-0.4)
    evidence = blob(30, 30, radius=6, height=0.6)
    evidence[29:31, 24:40] = 0.9  # 12 of its cells and 4 beside it: 16 + 16 make the strongest
    (region,) = found(evidence, rule=rule)
    cells = np.sort(evidence[evidence > 0.5])[-32:].astype(float)
    logit = np.mean(np.log(cells / (1 - cells)))
    assert region.confidence == pytest.approx(1 / (1 + np.exp(-(0.7 * logit - 0.4))), abs=1e-6)
    certain = blob(30, 30, height=1.0)
    assert 0.99 < found(certain)[0].confidence <= 1


def test_specks_are_left_out_and_there_are_at_most_ten() -> None:
    evidence = blob(20, 40)
    evidence[50, 50] = 0.8
    assert len(found(evidence)) == 1
    many = np.full((MAP, MAP), 0.01, np.float32)
    for number in range(16):
        row, column = 8 + 16 * (number // 4), 8 + 16 * (number % 4)
        many[row - 2 : row + 2, column - 2 : column + 2] = 0.6 + 0.02 * number
    regions = found(many)
    assert len(regions) == MOST
    assert [region.confidence for region in regions] == sorted((r.confidence for r in regions), reverse=True)
    assert regions[0].centroid.row > 100


def test_where_no_region_must_be_there_is_none_below_the_threshold() -> None:
    weak, strong = blob(20, 40, height=0.3), blob(20, 40)
    assert len(find_regions(weak, RULE, model_input(), 8000, None)) == 1
    assert find_regions(weak, RULE, model_input(), 8000, None, at_least_one=False) == ()
    assert len(find_regions(strong, RULE, model_input(), 8000, None, at_least_one=False)) == 1


def test_a_positive_answer_below_the_threshold_shows_its_strongest_place() -> None:
    (region,) = found(np.maximum(blob(20, 40, height=0.3), blob(50, 10, height=0.2)))
    assert (region.centroid.row, region.centroid.column) == pytest.approx((40, 80), abs=1)
    assert edges(region) == pytest.approx((30, 70, 50, 90), abs=2)
    lone = np.full((MAP, MAP), 0.01, np.float32)
    lone[10, 10] = 0.8  # it reaches the threshold, yet is a speck
    (speck,) = found(lone)
    assert (speck.peak.row, speck.peak.column) == pytest.approx((21, 21), abs=1)
    assert found(np.zeros((MAP, MAP), np.float32)) == ()


@pytest.mark.parametrize(
    ("shape", "head"),
    [
        ((100, 200), Region(0, 0, 100, 200)),
        ((400, 200), Region(0, 0, 400, 200)),
        ((300, 300), Region(50, 20, 150, 220)),
        ((20, 40), Region(0, 0, 20, 40)),
    ],
)
def test_a_slice_that_is_not_square_is_mapped_as_its_heatmap(shape: tuple[int, int], head: Region) -> None:
    cut = model_input(shape, head)
    evidence = blob(30, 26, radius=4)
    (region,) = found(evidence, cut)
    hot = np.argwhere(cut.to_slice(evidence) >= 0.5) + 0.5
    pixel = 1 + max(head.height, head.width) / MAP
    assert (region.centroid.row, region.centroid.column) == pytest.approx(hot.mean(axis=0), abs=pixel / 2)
    assert edges(region)[:2] == pytest.approx(hot.min(axis=0), abs=pixel)
    assert edges(region)[2:] == pytest.approx(hot.max(axis=0), abs=pixel)
    assert region.area_ratio * 128**2 == pytest.approx(len(hot), rel=0.15)


def test_nothing_is_found_in_the_padding_and_all_stays_within_the_slice() -> None:
    wide = model_input((60, 120))
    everywhere = np.full((MAP, MAP), 0.9, np.float32)
    (region,) = found(everywhere, wide, foreground=60 * 120)
    assert edges(region) == (0, 0, 60, 120)
    assert region.area_ratio == pytest.approx(1, abs=0.02)
    outline = np.array(region.outline)
    assert (outline >= 0).all() and (outline <= (60, 120)).all()
    assert 0 <= region.peak.row < 60 and 0 <= region.peak.column < 120
    assert found(blob(5, 32, height=0.9), wide)[0].confidence < 0.1  # it lies in the padding, where no slice is


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2), (8192, 8192)])
def test_any_shape_of_slice_and_any_noise_gives_regions_within_it(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).random((MAP, MAP), np.float32)
    start = time.perf_counter()
    regions = found(noise, model_input(shape))
    assert time.perf_counter() - start < 0.5
    for region in regions:
        assert 0 <= region.box.top <= region.peak.row < region.box.bottom <= shape[0]
        assert 0 <= region.box.left <= region.peak.column < region.box.right <= shape[1]
        assert len(region.outline) >= 3
        assert np.isfinite([region.confidence, region.area_ratio, region.centroid.row, region.centroid.column]).all()
