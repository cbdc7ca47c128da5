"""Region features: number, size and place, and what they are without a region."""

import pytest

from imip.inference.region_features import REGION_FEATURES, region_features
from imip.prediction import EvidenceRegion, Pixel, PixelBox, Point


def region(row: float, column: float, area_ratio: float) -> EvidenceRegion:
    return EvidenceRegion((), PixelBox(0, 0, 1, 1), Point(row, column), Pixel(0, 0), 0.9, area_ratio, None)


def test_regions_are_counted_measured_and_placed_by_the_strongest() -> None:
    features = region_features((region(30, 10, 0.05), region(90, 90, 0.1)), (120, 100))
    assert tuple(features) == REGION_FEATURES
    assert list(features.values()) == pytest.approx([2, 0.15, 0.25, 0.1])


def test_shares_add_up_to_the_whole_at_most() -> None:
    assert region_features((region(1, 1, 0.7), region(1, 1, 0.7)), (2, 2))["region_area_ratio"] == 1


def test_without_regions_there_is_no_area_and_no_place() -> None:
    assert list(region_features((), (120, 100)).values()) == [0, 0, 0.5, 0.5]
