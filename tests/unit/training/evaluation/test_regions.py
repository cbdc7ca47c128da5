"""Regions against lesions that were drawn: overlap, wrong regions, and lesions by size."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imip.inference.preprocessing import ModelInput, Region
from training.data.samples import Sample
from training.evaluation import regions

SIDE = 100
INPUT = ModelInput(np.zeros((SIDE, SIDE), np.uint8), Region(0, 0, SIDE, SIDE), (SIDE, SIDE))


def square(top: int, left: int, side: int) -> Any:
    """A region of side x side pixels, its outline through the middles of the outermost ones."""
    near, far = 0.5, side - 0.5
    corners = ((near, near), (near, far), (far, far), (far, near))
    outline = tuple((top + row, left + column) for row, column in corners)
    return SimpleNamespace(outline=outline, confidence=0.9)


def sample(lesion: tuple[int, int, int] | None, class_name: str = "glioma") -> Sample:
    drawn = None
    if lesion is not None:
        top, left, side = lesion
        drawn = np.zeros((SIDE, SIDE), np.bool_)
        drawn[top : top + side, left : left + side] = True
    return Sample(None, "", class_name, INPUT.pixels, b"", None, drawn)  # type: ignore[arg-type]


def answered(*found: Any, kind: str = "evidence") -> Any:
    prediction = SimpleNamespace(regions=found, features={"foreground_ratio": 0.5})
    return SimpleNamespace(prediction=prediction, model_input=INPUT, heatmap_kind=kind)


def test_all_regions_of_a_slice_count_for_its_overlap() -> None:
    lesion = sample((10, 10, 20))
    assert regions.dice(lesion, answered(square(10, 10, 20))) == 1
    assert regions.dice(lesion, answered()) == 0
    assert regions.dice(lesion, answered(square(10, 10, 20), square(60, 60, 20))) == pytest.approx(2 / 3)


def test_nothing_is_said_of_a_lesion_that_nobody_drew_or_of_a_module_without_evidence() -> None:
    assert np.isnan(regions.dice(sample(None), answered(square(1, 1, 5))))
    assert np.isnan(regions.false_regions(sample(None), answered(square(1, 1, 5))))
    for measured in (regions.dice, regions.false_regions):
        assert np.isnan(measured(sample((10, 10, 20)), answered(kind="Grad-CAM")))


def test_a_region_is_wrong_if_less_than_a_tenth_of_it_is_lesion() -> None:
    lesion = sample((10, 10, 20))
    assert regions.false_regions(lesion, answered(square(10, 10, 20), square(60, 60, 20))) == 1
    assert regions.false_regions(lesion, answered(square(10, 27, 20))) == 0  # three columns of twenty
    assert regions.false_regions(lesion, answered(square(10, 29, 20))) == 1  # one of twenty
    assert regions.false_regions(sample(None, "notumor"), answered(square(1, 1, 5), square(50, 50, 5))) == 2


def test_lesions_are_found_by_size_where_a_region_lies_on_them() -> None:
    small, large = sample((10, 10, 5)), sample((10, 10, 30))  # 0.5% and 18% of the head
    pairs = [(small, answered()), (large, answered(square(10, 10, 30))), (sample(None), answered())]
    table = regions.by_size([one for one, _ in pairs], [answer for _, answer in pairs], np.arange(3))
    rows = {row[0]: dict(zip(table["columns"], row, strict=True)) for row in table["rows"]}
    assert (rows["0% to 1%"]["Slices"], rows["0% to 1%"]["Found"]["value"], rows["0% to 1%"]["Dice"]["value"]) == (
        1,
        0,
        0,
    )
    assert (rows["10% or more"]["Slices"], rows["10% or more"]["Found"]["value"]) == (1, 1)
    assert rows["1% to 3%"]["Found"] is None


def test_the_measures_are_means_over_slices_with_intervals_over_groups() -> None:
    samples = [sample((10, 10, 20)), sample((10, 10, 20)), sample(None, "notumor")]
    analyses = [answered(square(10, 10, 20)), answered(), answered(square(1, 1, 5))]
    found = regions.measures(samples, analyses, np.arange(3))
    assert found[regions.DICE].value == 0.5
    assert found[regions.FALSE_REGIONS].value == pytest.approx(1 / 3)


def test_the_confidence_of_regions_is_compared_with_how_often_they_are_right() -> None:
    samples = [sample((10, 10, 20)), sample(None, "notumor"), sample(None, "glioma")]
    analyses = [answered(square(10, 10, 20)), answered(square(1, 1, 5)), answered(square(1, 1, 5))]
    found = regions.measures(samples, analyses, np.arange(3))
    assert found[regions.CONFIDENCE_ERROR].value == pytest.approx(0.9 - 0.5)


def test_without_regions_their_confidence_is_not_judged() -> None:
    found = regions.measures([sample((10, 10, 20))], [answered()], np.arange(1))
    assert regions.CONFIDENCE_ERROR not in found
