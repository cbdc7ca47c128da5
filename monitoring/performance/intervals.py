"""Shares with their 95% intervals: counted, and expected from calibrated probabilities."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.performance.types import Interval

Z = 1.959963984540054  # two-sided 95% of the normal distribution


def wilson(hits: int, n: int) -> Interval | None:
    """Return a counted share with its Wilson score interval; None of no trials.

    (p + z^2 / 2n +- z * sqrt(p * (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    if n == 0:
        return None
    share, tail = hits / n, Z * Z / n
    centre = share + tail / 2
    half = (tail * (share * (1 - share) + tail / 4)) ** 0.5
    return _interval(share, (centre - half) / (1 + tail), (centre + half) / (1 + tail))


def estimated_accuracy(confidences: NDArray[np.floating[Any]]) -> Interval | None:
    """Estimate accuracy without labels as the mean calibrated confidence; `confidences` (n,), 0..1. None of none.

        accuracy = sum(c) / n,   interval +- 1.96 * sqrt(sum(c * (1 - c))) / n, cut to 0..1

    The number of right answers is Poisson-binomial, here taken as normal. The interval is where the accuracy of
    these very predictions lies, provided that confidences are calibrated on the scans seen now and predictions are
    independent. Foreign scans usually make the estimate too high, repeated scans the interval too narrow.

    Sources: confidence-based performance estimation (CBPE), documentation of NannyML; Garg et al., Leveraging
    unlabeled data to predict out-of-distribution performance, ICLR 2022 (average confidence; too high under shift).
    """
    confidences = np.asarray(confidences, np.float64)
    return expected_mean(float(confidences.sum()), float((confidences * (1 - confidences)).sum()), confidences.size)


def expected_mean(total: float, variance: float, n: int) -> Interval | None:
    """Estimate total / n, where `variance` is the total's."""
    if n == 0:
        return None
    return _interval(total / n, (total - Z * variance**0.5) / n, (total + Z * variance**0.5) / n)


def expected_share(part: float, part_variance: float, rest: float, rest_variance: float) -> Interval | None:
    """Estimate part / (part + rest) of two independent sums, its variance by the delta method; None of nothing."""
    whole = part + rest
    if whole == 0:
        return None
    half = Z * (rest**2 * part_variance + part**2 * rest_variance) ** 0.5 / whole**2
    return _interval(part / whole, part / whole - half, part / whole + half)


def _interval(value: float, low: float, high: float) -> Interval:
    """Cut an interval to 0..1, its value inside whatever rounding did."""
    return Interval(value=value, low=min(value, max(0.0, low)), high=max(value, min(1.0, high)))
