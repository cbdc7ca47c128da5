"""Measures for models with two labels and with many, each on many resamples at once.

All take (resamples, n) weights, how often each scan was drawn, and return (resamples,); nan where a resample does not
define the measure.
"""

import numpy as np
from numpy.typing import NDArray

from training.evaluation.bootstrap import Weights, ratio

BINS = 10  # equal widths of probability, for calibration


def roc_auc(score: NDArray[np.float64], is_positive: NDArray[np.bool_], weights: Weights) -> NDArray[np.float64]:
    """Return the share of pairs, a positive and a negative, in which the positive scores higher; ties count half.

    `score` and `is_positive` are (n,).
    """
    order = np.argsort(score)
    starts = np.unique(score[order], return_index=True)[1]
    positives = np.add.reduceat(weights[:, order] * is_positive[order], starts, axis=1)
    negatives = np.add.reduceat(weights[:, order] * ~is_positive[order], starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    return ratio((positives * below).sum(axis=1), positives.sum(axis=1) * negatives.sum(axis=1))


def calibration_error(
    probability: NDArray[np.float64], came_true: NDArray[np.bool_], weights: Weights
) -> NDArray[np.float64]:
    """Average over bins, weighted by scans, how far the mean probability is from the share that came true.

    `probability` (0..1) and `came_true` are (n,). Sources: Naeini et al., AAAI 2015; Guo et al., ICML 2017. Small
    bins inflate it, and more so in resamples: read its interval as an upper bound rather than as centred on the value.
    """
    in_bin = calibration_bin(probability)[:, None] == np.arange(BINS)
    gap = weights @ ((probability - came_true)[:, None] * in_bin)
    return np.asarray(np.abs(gap).sum(axis=1) / weights.sum(axis=1))


def calibration_bin(probability: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin of each probability, 0..BINS - 1; a probability on an edge belongs to the upper bin."""
    return np.digitize(probability, np.linspace(0, 1, BINS + 1)[1:-1])


def average(values: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    """Return the mean of what each scan contributes, (n,): a Brier score, for example. One that is nan is left out."""
    known = ~np.isnan(values)
    return ratio(weights @ np.where(known, values, 0.0), weights @ known)
