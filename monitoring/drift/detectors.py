"""The drift detectors: alibi-detect's tests behind one small protocol, each warm with the reference it was made for.

Every detector answers a statistic, the threshold it is compared with and a p-value that give the same verdict.
This is the only file that knows alibi-detect; to import it brings TensorFlow, so only what computes drift does.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from alibi_detect.cd import ChiSquareDrift, KSDrift
from alibi_detect.cd.tensorflow.mmd import MMDDriftTF
from numpy.typing import NDArray
from scipy.stats import chi2, false_discovery_control, kstwo

from imip.settings import DriftSettings
from monitoring.drift.arrays import CONFIDENCE, PredictionArrays
from monitoring.drift.checks import Detector, FeatureShift, Result

SEED = 0  # of the permutations; the same window gets the same p-value from every monitor
SMALLEST = float(np.finfo(np.float32).tiny)  # alibi-detect's p-values are float32 and may underflow


def detectors(reference: PredictionArrays, labels: Sequence[str], settings: DriftSettings) -> tuple[Detector, ...]:
    """Return the detectors that the settings name, in that order, for windows of one module.

    `labels` are all that a prediction of the module can have. Raises ValueError if a feature is not in the reference.
    """
    make: Mapping[str, Callable[[], Detector]] = {
        EmbeddingDrift.name: lambda: EmbeddingDrift(reference, settings.level, settings.permutations),
        FeatureDrift.name: lambda: FeatureDrift(reference, settings.level, _features(reference, settings)),
        LabelDrift.name: lambda: LabelDrift(reference, settings.level, labels),
    }
    return tuple(make[name]() for name in settings.detectors)


def _features(reference: PredictionArrays, settings: DriftSettings) -> tuple[str, ...]:
    """Return the features that the settings name; if they name none, those by default that the reference has.

    A reference has the features that were measured when it was made.
    """
    if "features" in settings.model_fields_set:
        return settings.features
    return tuple(name for name in settings.features if name in reference.names)


class EmbeddingDrift:
    """Maximum mean discrepancy of embeddings under a Gaussian kernel (Gretton et al., JMLR 13, 2012).

    statistic: unbiased MMD^2. threshold: the permuted value that it must exceed. p_value: (b + 1) / (B + 1) for b of
    B permutations that reach the statistic, which is exact and never 0 (Phipson & Smyth, SAGMB 9, 2010).
    The kernel and its bandwidth are alibi-detect's, the reference's part computed once. The permutations are drawn
    here, all in one matrix product, since alibi-detect's own loop takes a hundred times as long and counts b / B.
    """

    name = "mmd"

    def __init__(self, reference: PredictionArrays, level: float, permutations: int) -> None:
        self._alibi = MMDDriftTF(reference.embeddings, p_val=level, n_permutations=permutations)
        self._size = len(reference)
        self._permutations = permutations
        self._highest = int(level * (permutations + 1) + 1e-9)  # rank of the permuted value to exceed

    def __call__(self, window: PredictionArrays) -> Result:
        kernel = self._alibi.kernel_matrix(self._alibi.x_ref, window.embeddings).numpy().astype(np.float64)
        np.fill_diagonal(kernel, 0)
        observed, *permuted = self._mmd2(kernel)
        reached = sum(value >= observed for value in permuted)
        threshold = sorted(permuted, reverse=True)[self._highest - 1]
        p_value = (reached + 1) / (self._permutations + 1)
        return Result(self.name, observed, threshold, p_value, observed > threshold)

    def _mmd2(self, kernel: NDArray[np.float64]) -> list[float]:
        """Return MMD^2 of the samples as they are and of each permutation, from a kernel with a zero diagonal."""
        n, m = self._size, len(kernel) - self._size
        rng = np.random.default_rng(SEED)
        orders = [np.arange(n + m), *(rng.permutation(n + m) for _ in range(self._permutations))]
        first = np.zeros((n + m, len(orders)))  # whether a row counts as the reference's
        for column, order in enumerate(orders):
            first[order[:n], column] = 1
        to_first = kernel @ first
        within_first = (first * to_first).sum(axis=0)
        between = to_first.sum(axis=0) - within_first
        within_second = kernel.sum() - within_first - 2 * between
        mmd2 = within_first / (n * (n - 1)) + within_second / (m * (m - 1)) - 2 * between / (n * m)
        rounded: list[float] = mmd2.round(12).tolist()  # equal values stay equal, whatever order they were summed in
        return rounded


class FeatureDrift:
    """Two-sample Kolmogorov-Smirnov tests of confidence and of each feature (alibi-detect's `KSDrift`).

    The false discovery rate over all of them is kept to the level (Benjamini & Hochberg, JRSS B 57, 1995).
    statistic: the largest distance between distribution functions, 0..1. threshold: the distance at which the
    procedure cuts off; every feature that reaches it has drifted. p_value: the smallest adjusted one.
    """

    name = "ks"

    def __init__(self, reference: PredictionArrays, level: float, features: Sequence[str]) -> None:
        unknown = [name for name in features if name not in (CONFIDENCE, *reference.names)]
        if unknown:
            there_are = ", ".join((CONFIDENCE, *(name for name in reference.names if name != CONFIDENCE)))
            raise ValueError(f"There is no feature {unknown[0]!r} in the reference; there are: {there_are}.")
        self._names = tuple(dict.fromkeys((CONFIDENCE, *features)))
        self._level = level
        self._size = len(reference)
        self._alibi = KSDrift(self._columns(reference), p_val=level, correction="fdr")

    def __call__(self, window: PredictionArrays) -> Result:
        p_values, distances = self._alibi.score(self._columns(window))
        p_values = np.maximum(p_values.astype(np.float64), SMALLEST)
        adjusted = false_discovery_control(p_values)
        drifted = adjusted <= self._level
        shifts = [
            FeatureShift(name, float(distance), float(p_value), bool(verdict))
            for name, distance, p_value, verdict in zip(self._names, distances, adjusted, drifted, strict=True)
        ]
        ranked = tuple(sorted(shifts, key=lambda shift: -shift.statistic))
        threshold = self._distance(self._level * max(1, int(drifted.sum())) / len(shifts), len(window))
        return Result(self.name, ranked[0].statistic, threshold, float(adjusted.min()), bool(drifted.any()), ranked)

    def _columns(self, predictions: PredictionArrays) -> NDArray[np.float32]:
        return np.stack([predictions.feature(name) for name in self._names], axis=1)

    def _distance(self, p_value: float, size: int) -> float:
        """Return the distance that has this p-value in a window of a size, as SciPy's asymptotic test counts it."""
        return float(kstwo.isf(p_value, round(self._size * size / (self._size + size))))


class LabelDrift:
    """Chi-squared test of the label mix (alibi-detect's `ChiSquareDrift`, with Yates' correction for two labels).

    statistic: chi squared. threshold: its critical value. Labels that neither side has are left out.
    """

    name = "chi2"

    def __init__(self, reference: PredictionArrays, level: float, labels: Sequence[str]) -> None:
        self._level = level
        self._codes = {label: code for code, label in enumerate(labels)}
        self._alibi = ChiSquareDrift(self._coded(reference), p_val=level, correction="fdr")
        self._seen = frozenset(reference.labels.tolist())

    def __call__(self, window: PredictionArrays) -> Result:
        p_values, statistics = self._alibi.score(self._coded(window))
        freedom = len(self._seen.union(window.labels.tolist())) - 1
        p_value = max(float(p_values[0]), SMALLEST)
        threshold = float(chi2.isf(self._level, max(1, freedom)))
        return Result(self.name, float(statistics[0]), threshold, p_value, p_value <= self._level)

    def _coded(self, predictions: PredictionArrays) -> NDArray[np.int64]:
        return np.array([[self._codes[label]] for label in predictions.labels.tolist()], np.int64)
