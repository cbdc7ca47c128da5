"""From a network's logits to calibrated probabilities, and from there to decisions.

Both are fitted on the validation split alone and then fixed in the artifact's card; evaluation fits nothing.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from imip.errors import ArtifactError
from imip.inference.card import Calibration, DecisionRule

UNPENALISED = 1e12  # inverse regularisation strength; Platt's smoothed targets regularise instead
DECIMALS = 4  # of a threshold


class CalibrationError(ArtifactError, ValueError):
    """The outputs of a model for these scans cannot be calibrated, or no decision can be made from them."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The model cannot be calibrated, train it longer or on more scans: {reason}")


@dataclass(frozen=True, slots=True)
class Platt:
    """Platt scaling: calibrated probability = sigmoid(slope * logit + intercept); slope > 0 keeps the order."""

    slope: float
    intercept: float

    def apply(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn logits of any shape into calibrated probabilities, 0..1, of that shape."""
        # The sigmoid as a tanh cannot overflow, however large the logit.
        return np.asarray(0.5 * (1 + np.tanh(0.5 * (self.slope * logits + self.intercept))), np.float64)

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn one logit, (..., 1), into the probabilities of the positive label and the other, (..., 2)."""
        positive = self.apply(logits)
        return np.concatenate([positive, 1 - positive], axis=-1)

    def described(self) -> Calibration:
        return Calibration(method="Platt scaling on validation", parameters=asdict(self))


@dataclass(frozen=True, slots=True)
class Temperature:
    """Temperature scaling: calibrated probabilities = softmax(logits / temperature); it keeps the order.

    Source: Guo et al., On calibration of modern neural networks, ICML 2017.
    """

    temperature: float

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn logits, (..., k), into calibrated probabilities of that shape."""
        return np.asarray(softmax(logits / self.temperature, axis=-1), np.float64)

    def described(self) -> Calibration:
        return Calibration(method="Temperature scaling on validation", parameters=asdict(self))


def fit_temperature(logits: NDArray[np.float64], actual: NDArray[np.int64]) -> Temperature:
    """Fit the temperature by maximum likelihood; `logits` (n, k), `actual` (n,) the index of each scan's label.

    Looked for within 1/20 to 20. Raises CalibrationError on logits that are not finite, or without scans.
    """
    if not (logits.size and np.isfinite(logits).all()):
        raise CalibrationError("calibration needs finite logits")

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(actual)), actual].mean())

    found = minimize_scalar(loss, bounds=(-np.log(20), np.log(20)), method="bounded")
    return Temperature(float(np.exp(found.x)))


def fit_platt(logits: NDArray[np.float64], is_positive: NDArray[np.bool_]) -> Platt:
    """Fit the scaling by maximum likelihood on smoothed targets, (n + 1) / (n + 2) and 1 / (n + 2) instead of 1 and 0.

    `logits` and `is_positive` are (n,). The smoothing keeps the fit finite when the classes separate perfectly.
    Raises CalibrationError without both classes, on logits that are not finite or all equal, and where higher logits
    do not go with positives (slope <= 0): such a model is broken, not miscalibrated.

    Source: Platt, Probabilistic outputs for support vector machines, 1999.
    """
    _require_both_classes(is_positive)
    if not np.isfinite(logits).all() or np.ptp(logits) == 0:
        raise CalibrationError("calibration needs finite logits that are not all equal")
    positives, negatives = np.count_nonzero(is_positive), np.count_nonzero(~is_positive)
    target = np.where(is_positive, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    # scikit-learn takes no soft targets: each scan is given as both classes, weighted by its target.
    model = LogisticRegression(C=UNPENALISED, solver="newton-cholesky", tol=1e-8, max_iter=1000)
    model.fit(
        np.concatenate([logits, logits]).astype(np.float64)[:, None],
        np.repeat([1, 0], len(logits)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if not slope > 0:
        raise CalibrationError(
            f"calibration slope must be positive, is {slope:.4g}: higher logits do not mean positive"
        )
    return Platt(slope, intercept)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where calibrated probabilities become decisions; all three 0..1, uncertain_from <= threshold <= uncertain_to."""

    threshold: float
    uncertain_from: float
    uncertain_to: float

    @classmethod
    def of(cls, rule: DecisionRule) -> "OperatingPoint":
        """Return the point among the thresholds of a card. Raises ArtifactError if it has none."""
        return cls(rule.at("threshold"), rule.at("uncertain_from"), rule.at("uncertain_to"))

    def finds(self, probability: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which scans are called positive: at the threshold or above."""
        return np.asarray(probability >= self.threshold)

    def is_uncertain(self, probability: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which decisions are called uncertain: inside the band, both ends included."""
        return np.asarray((probability >= self.uncertain_from) & (probability <= self.uncertain_to))


def choose_operating_point(
    probability: NDArray[np.float64],
    is_positive: NDArray[np.bool_],
    *,
    sensitivity: float = 0.98,
    certain: float = 0.99,
) -> OperatingPoint:
    """Choose threshold and uncertain band on the validation split; `probability` (calibrated, 0..1) and labels (n,).

    - Threshold: the highest at which at least `sensitivity` of the positives are still found.
    - Uncertain band: from the highest threshold whose sensitivity is at least `certain` up to the lowest whose
      specificity is at least `certain`, widened where needed to contain the threshold. Where the classes separate
      well, either end may be the threshold itself.

    A threshold lies midway between two neighbouring distinct scores (0 and 1 count as scores), so that equal scores
    are never separated. It is rounded to 4 decimals unless that would move it to or past a score.

    Shares are counted, not estimated: with fewer than 1 / (1 - sensitivity) positives (50 by default) none may be
    missed, and one scan decides the threshold. Raises CalibrationError without both classes, or on a probability
    outside 0..1.
    """
    scores, found_share, ruled_out_share = _shares(probability, is_positive)
    threshold = _between(scores, np.flatnonzero(found_share >= sensitivity)[-1])
    return _with_band(scores, found_share, ruled_out_share, threshold, certain)


def choose_balanced_point(
    probability: NDArray[np.float64], is_positive: NDArray[np.bool_], *, certain: float = 0.98
) -> OperatingPoint:
    """Choose the threshold at which the smaller of sensitivity and specificity is largest, and the band around it.

    Otherwise as `choose_operating_point`.
    """
    scores, found_share, ruled_out_share = _shares(probability, is_positive)
    threshold = _between(scores, np.minimum(found_share, ruled_out_share).argmax())
    return _with_band(scores, found_share, ruled_out_share, threshold, certain)


Shares = NDArray[np.float64]  # (s + 1,) by cut: cut k lies below scores[k], the last one above all


def _shares(probability: NDArray[np.float64], is_positive: NDArray[np.bool_]) -> tuple[Shares, Shares, Shares]:
    """Return the distinct scores, (s,), and by cut the share of positives found and of negatives ruled out."""
    _require_both_classes(is_positive)
    if not ((probability >= 0) & (probability <= 1)).all():
        raise CalibrationError("an operating point needs probabilities within 0..1")
    scores, rank = np.unique(probability, return_inverse=True)
    missed = _cumulative(rank[is_positive], scores.size)
    ruled_out = _cumulative(rank[~is_positive], scores.size)
    return scores, (missed[-1] - missed) / missed[-1], ruled_out / ruled_out[-1]


def _with_band(scores: Shares, found: Shares, ruled_out: Shares, threshold: float, certain: float) -> OperatingPoint:
    return OperatingPoint(
        threshold=threshold,
        uncertain_from=min(threshold, _between(scores, np.flatnonzero(found >= certain)[-1])),
        uncertain_to=max(threshold, _between(scores, np.flatnonzero(ruled_out >= certain)[0])),
    )


def choose_confidence(confidence: NDArray[np.float64], right: NDArray[np.bool_], *, certain: float = 0.99) -> float:
    """Choose from where a label counts as confident, on the validation split; both (n,), the confidence 0..1.

    The lowest threshold at or above which at least `certain` of the labels are right, midway between two scores; 1
    if there is none, as no label then deserves it. Raises CalibrationError without scans.
    """
    if not confidence.size:
        raise CalibrationError("a threshold needs scans")
    scores, rank = np.unique(confidence, return_inverse=True)
    above, right_above = (np.cumsum(np.bincount(rank, of)[::-1])[::-1] for of in (np.ones(rank.size), right))
    enough = np.flatnonzero(right_above >= certain * above)
    return _between(scores, enough[0]) if enough.size else 1.0


def _cumulative(rank: NDArray[np.intp], scores: int) -> NDArray[np.int64]:
    """Count at each of the scores + 1 cuts how many lie below it."""
    return np.concatenate([[0], np.cumsum(np.bincount(rank, minlength=scores))])


def _between(scores: NDArray[np.float64], cut: np.intp) -> float:
    low, high = np.concatenate([[0.0], scores, [1.0]])[[cut, cut + 1]].tolist()
    middle = (low + high) / 2
    rounded = round(middle, DECIMALS)
    if low < rounded < high:
        return float(rounded)
    # Neighbours so close that no number lies between them: the higher one still separates them, as >= finds it.
    return float(middle if low < middle else high)


def _require_both_classes(is_positive: NDArray[np.bool_]) -> None:
    if is_positive.all() or not is_positive.any():
        raise CalibrationError("needs scans of both classes")
