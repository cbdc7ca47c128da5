"""Whether agreement between modules separates right from wrong answers, and whether their average beats each alone.

Nothing is fitted, so the test part may be used: every module has the same weight.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.bootstrap import Estimate, Proportion, Statistic, Weights, estimates
from training.evaluation.measures import average, roc_auc

ABNORMAL, HEALTHY, NO_VOTE = 1, -1, 0
CONFIDENCE, AGREEING, MEAN = "own confidence", "agreeing modules", "average probability"
GUESSING = 0.5  # ROC AUC of a signal that says nothing
AVERAGE, MAJORITY = "average of all", "majority of all"


@dataclass(frozen=True, slots=True)
class Votes:
    """What m modules said of n scans on one question: does it show anything abnormal?

    Raises ValueError if there are fewer than two modules, the shapes do not fit or a probability is not within 0..1.
    """

    modules: tuple[str, ...]  # (m,)
    probability: NDArray[np.float64]  # (n, m) calibrated, that the scan is abnormal, 0..1
    vote: NDArray[np.int8]  # (n, m) ABNORMAL, HEALTHY or NO_VOTE
    is_abnormal: NDArray[np.bool_]  # (n,)
    group: NDArray[np.int64]  # (n,) near-duplicate group

    def __post_init__(self) -> None:
        shape = self.is_abnormal.size, len(self.modules)
        if len(self.modules) < 2:
            raise ValueError("agreement takes two modules or more")
        if not (self.probability.shape == self.vote.shape == shape) or self.group.shape != self.is_abnormal.shape:
            raise ValueError("votes need probabilities and votes (n, m), truth and groups (n,)")
        if not ((self.probability >= 0) & (self.probability <= 1)).all():
            raise ValueError("a probability is not within 0..1")

    @property
    def truth(self) -> NDArray[np.int8]:
        """The right vote, (n,)."""
        return np.where(self.is_abnormal, ABNORMAL, HEALTHY).astype(np.int8)

    @property
    def majority(self) -> NDArray[np.int8]:
        """The vote of most of the modules that voted, (n,); NO_VOTE where they are even."""
        return np.asarray(np.sign(self.vote.sum(axis=1)), np.int8)

    @property
    def average(self) -> NDArray[np.float64]:
        """The mean probability over all modules, those without a vote included, (n,)."""
        return np.asarray(self.probability.mean(axis=1))


def by_measure(votes: Votes) -> dict[str, dict[str, Estimate]]:
    """Measure each module's probability and vote, the AVERAGE probability and the MAJORITY's vote, by name.

    Sensitivity and specificity are of the scans that got a vote.
    """
    modules = {
        name: _of_probability(votes, votes.probability[:, index]) | _of_vote(votes, votes.vote[:, index])
        for index, name in enumerate(votes.modules)
    }
    together = {AVERAGE: _of_probability(votes, votes.average), MAJORITY: _of_vote(votes, votes.majority)}
    return {name: estimates(statistics, votes.group) for name, statistics in (modules | together).items()}


def _of_probability(votes: Votes, probability: NDArray[np.float64]) -> dict[str, Statistic]:
    return {"roc_auc": _area(probability, votes.is_abnormal), "brier": _brier(probability, votes.is_abnormal)}


def _of_vote(votes: Votes, vote: NDArray[np.int8]) -> dict[str, Statistic]:
    voted, abnormal = vote != NO_VOTE, votes.is_abnormal
    return {
        "sensitivity": Proportion(vote == ABNORMAL, abnormal & voted),
        "specificity": Proportion(vote == HEALTHY, ~abnormal & voted),
        "no_vote": Proportion(~voted, np.ones_like(voted)),
    }


@dataclass(frozen=True, slots=True)
class Level:
    """The scans on which so many modules gave the same answer."""

    agreeing: int
    scans: int
    share: float  # of all scans
    accuracy: Estimate


def levels_of(votes: Votes, module: int) -> list[Level]:
    """Count a module's right answers by how many of the other modules gave the same; levels that occur."""
    return _levels(votes, votes.vote[:, module], np.delete(votes.vote, module, axis=1))


def levels_of_majority(votes: Votes) -> list[Level]:
    """Count the majority's right answers by how many modules are of it; levels that occur."""
    return _levels(votes, votes.majority, votes.vote)


def _levels(votes: Votes, answer: NDArray[np.int8], others: NDArray[np.int8]) -> list[Level]:
    agreeing = (others == answer[:, None]).sum(axis=1)
    its = {str(level): (answer != NO_VOTE) & (agreeing == level) for level in range(others.shape[1] + 1)}
    right = estimates({name: Proportion(answer == votes.truth, level) for name, level in its.items()}, votes.group)
    return [
        Level(int(name), np.count_nonzero(its[name]), float(its[name].mean()), accuracy)
        for name, accuracy in right.items()
    ]


@dataclass(frozen=True, slots=True)
class Signals:
    """How well each signal separates one module's right answers from its wrong ones. Empty without both of them."""

    module: str
    answered: int
    wrong: int
    wrong_groups: int  # near-duplicate groups with a wrong vote
    area: Mapping[str, Estimate]  # ROC AUC of "the answer is right" by signal; 0.5 is guessing
    gain: Mapping[str, Estimate]  # of that area over the module's own confidence, by the other signals


def compare_signals(votes: Votes, module: int) -> Signals:
    """Measure three signals: the module's confidence, how many others agree, and all modules' average probability.

    Confidence and average are those of the answer that the module gave.
    """
    answered = votes.vote[:, module] != NO_VOTE
    vote, group = votes.vote[answered], votes.group[answered]
    answer = vote[:, [module]]
    right = answer[:, 0] == votes.truth[answered]
    probability = np.where(answer == ABNORMAL, votes.probability[answered], 1 - votes.probability[answered])
    areas = {
        CONFIDENCE: _area(probability[:, module], right),
        AGREEING: _area((vote == answer).sum(axis=1).astype(np.float64), right),
        MEAN: _area(probability.mean(axis=1), right),
    }
    gains = {name: _minus(areas[name], areas[CONFIDENCE]) for name in (AGREEING, MEAN)}
    return Signals(
        votes.modules[module],
        np.count_nonzero(answered),
        np.count_nonzero(~right),
        np.unique(group[~right]).size,
        estimates(areas, group),
        estimates(gains, group),
    )


@dataclass(frozen=True, slots=True)
class Gain:
    """What the average probability of all modules gains over one of them; paired, on the same resamples."""

    area: Estimate | None  # ROC AUC of the average minus that of the module: above 0, the average ranks better
    brier: Estimate  # Brier score, likewise: below 0, the average is closer to the truth


def gains(votes: Votes) -> dict[str, Gain]:
    """Compare the average probability with each module's own."""
    return {name: _gain(votes, votes.probability[:, index]) for index, name in enumerate(votes.modules)}


def _gain(votes: Votes, single: NDArray[np.float64]) -> Gain:
    together, alone = _of_probability(votes, votes.average), _of_probability(votes, single)
    found = estimates({name: _minus(together[name], alone[name]) for name in together}, votes.group)
    return Gain(found.get("roc_auc"), found["brier"])


def _brier(probability: NDArray[np.float64], came_true: NDArray[np.bool_]) -> Statistic:
    squared = np.square(probability - came_true)
    return lambda weights: average(squared, weights)


def _area(score: NDArray[np.float64], is_positive: NDArray[np.bool_]) -> Statistic:
    return lambda weights: roc_auc(score, is_positive, weights)


def _minus(one: Statistic, other: Statistic) -> Statistic:
    def difference(weights: Weights) -> NDArray[np.float64]:
        return one(weights) - other(weights)

    return difference
