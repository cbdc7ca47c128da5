"""The shipped modules side by side: each by its own question, and all brain modules by one question on the same scans.

What the brain modules have in common is a label for scans that show nothing, so each says how probable it is that a
scan shows anything, and whether it would call it abnormal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imip.inference.artifact import CARD, read_card
from imip.inference.card import Card
from imip.modules import MODULES
from training.about import ABOUT
from training.comparison import agreement
from training.comparison.agreement import ABNORMAL, HEALTHY, MAJORITY, NO_VOTE, Gain, Level, Signals, Votes
from training.data.split import Dataset
from training.evaluation.bootstrap import Estimate, estimates
from training.evaluation.measures import average
from training.evaluation.multiclass import Scored
from training.evaluation.report import Report
from training.recipe import ROOT, Evaluation, Recipe
from training.recipes import find
from training.recipes.brain_mri import BrainMri

OF_CLASSES = ("accuracy", "balanced_accuracy", "macro_f1")
ACCURACY_GAIN = "accuracy_gain"  # over the first of the modules with the same labels


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A brain module and its evaluation on the test part."""

    recipe: Recipe
    evaluation: Evaluation


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
    signals: list[Signals]
    gains: dict[str, Gain]  # of the average probability, by module


def shipped() -> tuple[list[Recipe], list[Recipe]]:
    """Return the recipes of the modules that have an artifact: those of the brain data sets, and the others.

    Two modules with one graph agree on everything, so the first in name is among the others.
    """
    recipes = [find(name) for name in MODULES if (ROOT / "models" / name / CARD).exists()]
    brain = [recipe for recipe in recipes if isinstance(recipe, BrainMri)]
    distinct = {read_card(recipe.artifact).version: recipe for recipe in brain}.values()
    return list(distinct), [recipe for recipe in recipes if recipe not in distinct]


def evaluate(recipes: Sequence[Recipe], dataset: Dataset) -> list[Evaluated]:
    """Evaluate each module on the test part, as served. Raises ArtifactError if one is damaged."""
    return [Evaluated(recipe, recipe.evaluate(recipe.artifact, dataset)) for recipe in recipes]


def compare(evaluated: Sequence[Evaluated], others: Sequence[Recipe], dataset: Dataset) -> Comparison:
    """Compare modules that were evaluated on the test part, and list the others with what their cards say.

    Raises ValueError if fewer than two were evaluated, or one has no label that means healthy.
    """
    votes = vote(evaluated, dataset)
    members = range(len(votes.modules))
    levels = {votes.modules[index]: agreement.levels_of(votes, index) for index in members}
    return Comparison(
        scans=votes.group.size,
        groups=np.unique(votes.group).size,
        own=[_as_evaluated(one) for one in evaluated] + [_as_its_card_says(recipe) for recipe in others],
        common=agreement.by_measure(votes),
        classes=_same_labels(evaluated),
        levels=levels | {MAJORITY: agreement.levels_of_majority(votes)},
        signals=[agreement.compare_signals(votes, index) for index in members],
        gains=agreement.gains(votes),
    )


def vote(evaluated: Sequence[Evaluated], dataset: Dataset) -> Votes:
    """Return what each module said on the common question, "does it show anything abnormal?".

    Its probability is one less that of the label that means healthy; an abstention is no vote. Raises ValueError if a
    module has no such label, or there are fewer than two modules.
    """
    probabilities, votes = [], []
    for one in evaluated:
        labels, healthy, analyses = one.evaluation.module.card.labels, one.recipe.healthy, one.evaluation.analyses
        if healthy not in labels:
            raise ValueError(f"{one.recipe.module.name} has no label that means healthy among {', '.join(labels)}")
        column = labels.index(healthy)
        probabilities.append([1 - float(analysis.output.probabilities[column]) for analysis in analyses])
        says = {label: HEALTHY if label == healthy else ABNORMAL for label in labels}
        votes.append([says.get(analysis.prediction.label, NO_VOTE) for analysis in analyses])
    recipe, samples = evaluated[0].recipe, evaluated[0].evaluation.samples
    return Votes(
        modules=tuple(one.recipe.module.name for one in evaluated),
        probability=np.clip(np.array(probabilities, np.float64).T, 0, 1),
        vote=np.array(votes, np.int8).T,
        is_abnormal=np.array([recipe.label(sample.class_name) != recipe.healthy for sample in samples]),
        group=dataset.groups(samples),
    )


def _as_evaluated(evaluated: Evaluated) -> Own:
    card, report = evaluated.evaluation.module.card, evaluated.evaluation.report
    return Own(card, report.metrics.get(card.headline), report.n, True, _megabytes(evaluated.recipe))


def _as_its_card_says(recipe: Recipe) -> Own:
    card = read_card(recipe.artifact)
    test = card.metrics.get("test", {"n": 0, "metrics": {}})
    figure = test["metrics"].get(card.headline)
    low, high = card.interval(card.headline) or (np.nan, np.nan)
    headline = None if figure is None else Estimate(figure["value"], low, high)
    return Own(card, headline, test["n"], False, _megabytes(recipe))


def _megabytes(recipe: Recipe) -> float:
    return sum(file.stat().st_size for file in recipe.artifact.iterdir() if file.name != ABOUT) / 1e6


def _same_labels(evaluated: Sequence[Evaluated]) -> list[dict[str, dict[str, Estimate]]]:
    """Compare modules of several labels with those that have the same ones, each by its most probable label."""
    alike: dict[frozenset[str], dict[str, tuple[Scored, Report]]] = {}
    for one in evaluated:
        name, scored, report = one.recipe.module.name, one.evaluation.scored, one.evaluation.report
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
