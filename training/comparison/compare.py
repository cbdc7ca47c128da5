"""The shipped modules side by side: each by its own question, and all brain modules by one question on the same scans.

Its own room because a recipe knows one module. What the brain modules have in common is a label for scans that show
nothing, so each says how probable it is that a scan shows anything, and whether it would call it abnormal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imip.inference.artifact import CARD, read_card
from imip.inference.card import Card
from imip.modules import MODULES
from training.comparison import agreement
from training.comparison.agreement import ABNORMAL, HEALTHY, MAJORITY, NO_VOTE, Gain, Level, Telling, Votes
from training.data.split import Dataset
from training.evaluation.bootstrap import Estimate, estimates
from training.evaluation.measures import average
from training.evaluation.multiclass import Scored
from training.evaluation.report import Report
from training.recipe import ROOT, Measured, Recipe
from training.recipes import find
from training.recipes.brain_mri import BrainMri

OF_CLASSES = ("accuracy", "balanced_accuracy", "macro_f1")
ACCURACY_GAIN = "accuracy_gain"  # over the first of the modules with the same labels


@dataclass(frozen=True, slots=True)
class Judged:
    """A brain module and what it said of the test part."""

    recipe: Recipe
    measured: Measured


@dataclass(frozen=True, slots=True)
class Own:
    """A module by its own question."""

    card: Card
    headline: Estimate | None  # None if it was never measured
    scans: int  # that it was measured on
    compared: bool  # on the test part of this comparison, or else on another
    megabytes: float  # of the artifact


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that was compared. Estimates are by the names of their measures."""

    scans: int
    groups: int
    own: list[Own]
    common: dict[str, dict[str, Estimate]]  # on the common question, by module, AVERAGE and MAJORITY
    classes: list[dict[str, dict[str, Estimate]]]  # by module, for each set of labels that several modules have
    levels: dict[str, list[Level]]  # by module and MAJORITY
    telling: list[Telling]
    gains: dict[str, Gain]  # of the average probability, by module


def shipped() -> tuple[list[Recipe], list[Recipe]]:
    """Return the recipes of the modules that have an artifact: those of the brain data set, and the others."""
    recipes = [find(name) for name in MODULES if (ROOT / "models" / name / CARD).exists()]
    brain = [recipe for recipe in recipes if isinstance(recipe, BrainMri)]
    return list(brain), [recipe for recipe in recipes if recipe not in brain]


def judge(recipes: Sequence[Recipe], dataset: Dataset) -> list[Judged]:
    """Let each module judge the test part, as served. Raises ArtifactError if one is damaged."""
    return [Judged(recipe, recipe.measure(recipe.artifact, dataset)) for recipe in recipes]


def compare(judged: Sequence[Judged], others: Sequence[Recipe], dataset: Dataset) -> Comparison:
    """Compare modules that judged the test part of a data set, and name the others with what their cards say.

    Raises ValueError if fewer than two judged it, or one has no label that means healthy.
    """
    votes = vote(judged, dataset)
    members = range(len(votes.modules))
    levels = {votes.modules[index]: agreement.levels_of(votes, index) for index in members}
    return Comparison(
        scans=votes.group.size,
        groups=np.unique(votes.group).size,
        own=[_as_measured(one) for one in judged] + [_as_its_card_says(recipe) for recipe in others],
        common=agreement.by_measure(votes),
        classes=_same_labels(judged),
        levels=levels | {MAJORITY: agreement.levels_of_majority(votes)},
        telling=[agreement.tell(votes, index) for index in members],
        gains=agreement.gains(votes),
    )


def vote(judged: Sequence[Judged], dataset: Dataset) -> Votes:
    """Return what each module said on the common question, "does it show anything abnormal?".

    Its probability is one less that of the label that means healthy; an abstention is no vote. Raises ValueError if a
    module has no such label, or there are fewer than two modules.
    """
    probabilities, votes = [], []
    for one in judged:
        labels, healthy, analyses = one.measured.module.card.labels, one.recipe.healthy, one.measured.analyses
        if healthy not in labels:
            raise ValueError(f"{one.recipe.module.name} has no label that means healthy among {', '.join(labels)}")
        column = labels.index(healthy)
        probabilities.append([1 - float(analysis.output.probabilities[column]) for analysis in analyses])
        says = {label: HEALTHY if label == healthy else ABNORMAL for label in labels}
        votes.append([says.get(analysis.prediction.label, NO_VOTE) for analysis in analyses])
    recipe, samples = judged[0].recipe, judged[0].measured.samples
    return Votes(
        modules=tuple(one.recipe.module.name for one in judged),
        probability=np.clip(np.array(probabilities, np.float64).T, 0, 1),
        vote=np.array(votes, np.int8).T,
        is_abnormal=np.array([recipe.label(sample.class_name) != recipe.healthy for sample in samples]),
        group=dataset.groups(samples),
    )


def _as_measured(judged: Judged) -> Own:
    card, report = judged.measured.module.card, judged.measured.report
    return Own(card, report.metrics.get(card.headline), report.n, True, _megabytes(judged.recipe))


def _as_its_card_says(recipe: Recipe) -> Own:
    card = read_card(recipe.artifact)
    test = card.metrics.get("test", {"n": 0, "metrics": {}})
    figure = test["metrics"].get(card.headline)
    low, high = card.interval(card.headline) or (np.nan, np.nan)
    headline = None if figure is None else Estimate(figure["value"], low, high)
    return Own(card, headline, test["n"], False, _megabytes(recipe))


def _megabytes(recipe: Recipe) -> float:
    return sum(file.stat().st_size for file in recipe.artifact.iterdir()) / 1e6


def _same_labels(judged: Sequence[Judged]) -> list[dict[str, dict[str, Estimate]]]:
    """Compare modules of several labels with those that have the same ones, each by its most probable label."""
    alike: dict[frozenset[str], dict[str, tuple[Scored, Report]]] = {}
    for one in judged:
        name, scored, report = one.recipe.module.name, one.measured.scored, one.measured.report
        if isinstance(scored, Scored):
            alike.setdefault(frozenset(scored.labels), {})[name] = scored, report
    return [_on_classes(modules) for modules in alike.values() if len(modules) > 1]


def _on_classes(modules: dict[str, tuple[Scored, Report]]) -> dict[str, dict[str, Estimate]]:
    first = next(iter(modules.values()))[0]
    return {
        name: {measure: report.metrics[measure] for measure in OF_CLASSES}
        | ({} if scored is first else {ACCURACY_GAIN: _accuracy_gain(scored, first)})
        for name, (scored, report) in modules.items()
    }


def _accuracy_gain(scored: Scored, first: Scored) -> Estimate:
    right, right_before = (one.most_probable == one.actual for one in (scored, first))
    gain = right.astype(np.float64) - right_before
    return estimates({ACCURACY_GAIN: lambda weights: average(gain, weights)}, scored.group)[ACCURACY_GAIN]
