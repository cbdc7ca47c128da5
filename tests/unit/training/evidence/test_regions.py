"""What counts as a region is chosen where the lesions are known, and its probability from which regions were right."""

import cv2
import numpy as np
import pytest

from imip.errors import ArtifactError
from imip.inference.preprocessing import ModelInput, Region
from imip.inference.regions import GRID
from tests.support.evidence import MAP, blob
from training.evidence.regions import THRESHOLDS, calibrate, choose_threshold

SIDE = 128
INPUT = ModelInput(np.zeros((SIDE, SIDE), np.uint8), Region(0, 0, SIDE, SIDE), (SIDE, SIDE))
NOTHING = np.zeros((GRID, GRID), np.bool_)
PLACES = ((20, 20), (20, 44), (44, 20), (44, 44))


def lesion(row: float, column: float, radius: float = 5) -> np.ndarray:
    """The mask of a blob, (GRID, GRID)."""
    mask = (blob(row, column, radius) > 0.5).astype(np.uint8)
    return cv2.resize(mask, (GRID, GRID), interpolation=cv2.INTER_NEAREST).astype(np.bool_)


def cone(row: float, column: float) -> np.ndarray:
    """Evidence that falls from 1 in the middle by a tenth a cell."""
    rows, columns = np.indices((MAP, MAP)) + 0.5
    return np.clip(1 - np.hypot(rows - row, columns - column) / 10, 0.01, 1).astype(np.float32)


@pytest.mark.parametrize(("radius", "threshold"), [(3, 0.7), (5, 0.5), (7, 0.3)])
def test_the_threshold_is_where_regions_are_as_large_as_lesions(radius: int, threshold: float) -> None:
    evidence, lesions = [cone(*at) for at in PLACES], [lesion(*at, radius) for at in PLACES]
    assert choose_threshold(evidence, lesions) == pytest.approx(threshold, abs=0.051)


def test_without_a_drawn_lesion_there_is_nothing_to_choose_by() -> None:
    with pytest.raises(ArtifactError, match="lesion was drawn"):
        choose_threshold([], [])


def test_without_any_agreement_the_lowest_threshold_is_kept() -> None:
    assert choose_threshold([blob(20, 20)], [lesion(50, 50)]) == THRESHOLDS[0]


def probability(scaling: dict[str, float], height: float) -> float:
    logit = np.log(height / (1 - height))
    return float(1 / (1 + np.exp(-(scaling["region_slope"] * logit + scaling["region_intercept"]))))


def test_a_region_is_as_probable_as_such_regions_were_right() -> None:
    strong, weak = [blob(*at, height=0.95) for at in PLACES * 5], [blob(*at, height=0.7) for at in PLACES * 5]
    right = [lesion(*at) for at in PLACES * 5]
    of_weak = [mask if number % 4 == 0 else NOTHING for number, mask in enumerate(right)]
    scaling = dict(calibrate([*strong, *weak], [INPUT] * 40, [*right, *of_weak], 0.5, [True] * 40))
    assert probability(scaling, 0.95) > 0.9
    assert probability(scaling, 0.7) == pytest.approx(0.25, abs=0.08)


def test_regions_of_slices_that_are_called_negative_count_only_if_they_must() -> None:
    shown, right = [blob(*at, height=0.89) for at in PLACES * 5], [lesion(*at) for at in PLACES * 5]
    half_wrong = [mask if number % 2 else NOTHING for number, mask in enumerate(right)]
    shown[1] = blob(*PLACES[1], height=0.9)
    unseen = [blob(*at, height=0.87) for at in PLACES * 5]
    maps, masks = [*shown, *unseen], [*half_wrong, *[NOTHING] * 20]
    called = [True] * 20 + [False] * 20
    served_alone = dict(calibrate(maps, [INPUT] * 40, masks, 0.5, called))
    assert probability(served_alone, 0.89) == pytest.approx(0.5, abs=0.08)
    with_others = dict(calibrate(maps, [INPUT] * 40, [*right, *[NOTHING] * 20], 0.5, called))
    assert probability(with_others, 0.89) > 0.8 > 0.2 > probability(with_others, 0.87)


def test_a_region_beside_the_lesion_is_wrong_and_one_that_touches_enough_of_it_right() -> None:
    beside = [lesion(row, column + 14) for row, column in PLACES]
    partly = [lesion(row, column + 5) for row, column in PLACES]
    maps = [blob(*at, height=0.6) for at in PLACES] + [blob(*at, height=0.9) for at in PLACES]
    scaling = dict(calibrate(maps, [INPUT] * 8, [*beside, *partly], 0.5, [True] * 8))
    assert probability(scaling, 0.9) > 0.8 > 0.2 > probability(scaling, 0.6)


def test_regions_that_are_all_right_cannot_be_calibrated() -> None:
    with pytest.raises(ArtifactError, match="both classes"):
        calibrate([blob(*at) for at in PLACES], [INPUT] * 4, [lesion(*at) for at in PLACES], 0.5, [True] * 4)


def test_evidence_that_reaches_the_threshold_nowhere_cannot_be_calibrated() -> None:
    with pytest.raises(ArtifactError, match="cannot be calibrated"):
        calibrate([blob(*at, height=0.3) for at in PLACES], [INPUT] * 4, [NOTHING] * 4, 0.5, [False] * 4)
