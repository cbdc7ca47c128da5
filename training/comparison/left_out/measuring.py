"""How good scores and peaks are on a source left out, by sequence."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.data.samples import Sample
from training.evaluation.bootstrap import Estimate, Proportion, Statistic, estimates
from training.evaluation.measures import roc_auc
from training.recipes.brain_evidence import in_input
from training.recipes.brain_mri import is_tumor

SEQUENCES: Final = ("flair", "t1", "t1c")


def row(
    title: str,
    score: NDArray[np.float64],
    peak: NDArray[np.float64],
    judged: Sequence[Sample],
    groups: NDArray[np.int64],
) -> list[Any]:
    """Return a row of the page: the title, AUC by sequence, then the share of peaks on the tumor by sequence.

    `score`, of a tumor, `peak`, 1 or 0 or nan where there is none to judge, and `groups`, by patient, are (n,).
    """
    sequence = np.array([sample.origin.sequence if sample.origin else "" for sample in judged])
    tumor = is_tumor(judged)
    found = {name: _measure(score, peak, tumor, groups, sequence == name) for name in SEQUENCES}
    return [title, *(found[name].get("auc") for name in SEQUENCES), *(found[name].get("peak") for name in SEQUENCES)]


def _measure(
    score: NDArray[np.float64],
    peak: NDArray[np.float64],
    tumor: NDArray[np.bool_],
    groups: NDArray[np.int64],
    among: NDArray[np.bool_],
) -> dict[str, Any]:
    statistics: dict[str, Statistic] = {
        "auc": lambda weights: roc_auc(score[among], tumor[among], weights),
        "peak": Proportion(peak[among] == 1, ~np.isnan(peak[among])),
    }
    found: dict[str, Estimate] = estimates(statistics, groups[among])
    return {name: estimate.as_dict() for name, estimate in found.items()}


def peak_on_lesion(sample: Sample, evidence: NDArray[np.float32]) -> float:
    """Return whether the strongest cell of a map, (h, w), lies on the lesion, 1 or 0; nan where nobody drew one."""
    if sample.lesion is None:
        return np.nan
    lesion = in_input(sample)
    row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
    step = lesion.shape[0] // evidence.shape[0]
    return float(lesion[row * step + step // 2, column * step + step // 2])
