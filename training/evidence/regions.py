"""From what evidence on a place is a region, and how probable a region is: chosen on validation slices with masks."""

from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.inference.preprocessing import ModelInput
from imip.inference.regions import GRID, components, enlarge
from training.calibration import CalibrationError, fit_platt

THRESHOLDS: Final = tuple(np.round(np.arange(0.2, 0.85, 0.05), 2).tolist())  # of evidence, to choose from
HIT: Final = 0.1  # share of a region that is lesion, at least, if the region is right

Maps = Sequence[NDArray[np.float32]]  # evidence of each slice, (h, w) 0..1
Masks = Sequence[NDArray[np.bool_]]  # lesion of each slice in its model input, (GRID, GRID)


def is_right(region: NDArray[np.bool_], lesion: NDArray[np.bool_]) -> bool:
    """Return whether enough of a region is lesion, both (h, w)."""
    return float(lesion[region].mean()) >= HIT


def choose_threshold(evidence: Maps, lesions: Masks) -> float:
    """Return the threshold with the highest mean Dice over slices with a lesion.

    Raises CalibrationError without such a slice.
    """
    if not lesions:
        raise CalibrationError("regions need slices whose lesion was drawn")
    grids = np.stack([cv2.resize(map_, (GRID, GRID), interpolation=cv2.INTER_LINEAR) for map_ in evidence])
    drawn = np.stack(list(lesions))
    scores = []
    for threshold in THRESHOLDS:
        found = grids >= threshold
        overlap = (found & drawn).sum(axis=(1, 2))
        scores.append(float(np.mean(2 * overlap / (found.sum(axis=(1, 2)) + drawn.sum(axis=(1, 2))))))
    return float(THRESHOLDS[int(np.argmax(scores))])


def calibrate(
    evidence: Maps,
    inputs: Sequence[ModelInput],
    lesions: Masks,
    threshold: float,
    called: Sequence[bool],
) -> Mapping[str, float]:
    """Return `region_slope` and `region_intercept`: Platt scaling of a region's score to whether it is right.

    Slices without a lesion have empty masks: all their regions are wrong. Only slices that are `called` positive are
    served with regions, so they alone count; if all their regions are right, or none, those of the others do too.
    Raises CalibrationError if that is no better.
    """
    found = [
        (component.score, is_right(component.mask, lesion), is_called)
        for map_, model_input, lesion, is_called in zip(evidence, inputs, lesions, called, strict=True)
        for component in components(map_, enlarge(map_, model_input), threshold, at_least_one=is_called)
    ]
    served = [region for region in found if region[2]]
    chosen = served if len({right for _, right, _ in served}) == 2 else found
    platt = fit_platt(np.array([score for score, _, _ in chosen]), np.array([right for _, right, _ in chosen]))
    return {"region_slope": platt.slope, "region_intercept": platt.intercept}
