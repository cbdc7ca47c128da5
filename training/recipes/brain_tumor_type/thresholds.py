"""Where the probabilities of `brain-tumor-type` become answers: a threshold for each label, chosen on validation.

Each is where Youden's J is highest, generalised to costs and to how common each side is: J alone would count a missed
tumor no worse than a healthy slice left open, and withhold many right answers for few wrong ones. The threshold of
No Tumor separates slices without a tumor from those with one. That of a type separates right answers from wrong ones,
among the slices that would get that answer. Sources: Youden, Index for rating diagnostic tests, 1950;
Perkins & Schisterman, The inconsistency of "optimal" cutpoints, American Journal of Epidemiology, 2006.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imip.modules.brain_tumor_type import HEALTHY, TYPES, choose_label
from training.calibration import CalibrationError

LABELS: Final = (HEALTHY, *TYPES)
MISSED_TUMOR: Final = 10.0  # its cost, in healthy slices left without an answer
WRONG_TYPE: Final = 3.0  # its cost, in right answers withheld

Probabilities = NDArray[np.float64]  # (n, 4) calibrated, in the order of LABELS


def choose(probabilities: Probabilities, actual: NDArray[np.str_]) -> dict[str, float]:
    """Choose each label's threshold; `actual` (n,) are the true labels.

    A type without a wrong answer gets 0, so all are given; one without a right answer gets 1, so none is. Raises
    CalibrationError without both slices that show a tumor and slices that show none.
    """
    thresholds = {HEALTHY: youden(_column(probabilities, HEALTHY), actual == HEALTHY, MISSED_TUMOR)}
    called = answers(probabilities, {**thresholds, **dict.fromkeys(TYPES, 0.0)})
    for name in TYPES:
        would_be = called == name
        right, score = actual[would_be] == name, _column(probabilities, name)[would_be]
        both = right.any() and not right.all()
        thresholds[name] = youden(score, right, WRONG_TYPE) if both else float(not right.any())
    return thresholds


def answers(probabilities: Probabilities, thresholds: Mapping[str, float]) -> NDArray[np.str_]:
    """Return what the module answers, (n,), by its own rule."""
    rows = (dict(zip(LABELS, row, strict=True)) for row in probabilities.tolist())
    return np.array([choose_label(row, thresholds) for row in rows])


def youden(score: NDArray[np.float64], is_positive: NDArray[np.bool_], cost: float) -> float:
    """Return the cut, midway between two scores, with most positives minus `cost` x negatives at or above it.

    Of equals the lowest. Both arrays are (n,). Raises CalibrationError without both positives and negatives.
    """
    if is_positive.all() or not is_positive.any():
        raise CalibrationError("Youden's J needs scans of both sides")
    scores = np.unique(score)
    cuts = np.concatenate([[0.0], (scores[:-1] + scores[1:]) / 2])
    value = np.where(is_positive, 1.0, -cost) @ (score[:, None] >= cuts)
    return float(cuts[value.argmax()])


def _column(probabilities: Probabilities, label: str) -> NDArray[np.float64]:
    return probabilities[:, LABELS.index(label)]
