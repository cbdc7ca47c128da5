"""How `brain-tree` is made: one decision tree, its depth by cross-validation, its leaves' shares calibrated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from imip.errors import ArtifactError
from imip.explain.heatmap import encode_png
from imip.inference.predictor import analyse
from imip.modules.brain_tree import MEASURES
from imip.modules.brain_tree.reasons import MEASURE_NAMES
from imip.modules.brain_tree.tree import Tree
from training.calibration import Temperature, choose_confidence, fit_temperature
from training.data.samples import Sample
from training.data.split import Dataset
from training.export.artifact import Trained, write_artifact
from training.recipe import Evaluation
from training.recipes.brain_mri import TYPES, BrainMriTypes
from training.recipes.brain_tree import growth
from training.recipes.brain_tree.variants import CHANGES, Change

CERTAIN: Final = 0.9  # of what is called confident, on validation
IMPORTANT: Final = 0.01  # Gini importance, of a measure that the card names
SCORE: Final = ("Balanced accuracy", "Standard error")


class BrainTree(BrainMriTypes):
    """The recipe of the shipped tree."""

    def train(self, dataset: Dataset, run: Path, epochs: int | None) -> Path:
        """Choose the depth and grow the tree. A tree knows no epochs, and is grown anew in minutes."""
        scans = self._measured(dataset, dataset.part("train"), growth.COPIES)
        by_depth = growth.scores_by_depth(scans)
        depth = growth.choose(by_depth)
        others = growth.compare(scans, depth)
        values = scans.of(MEASURES)
        tree = growth.grow(values, scans.labels, depth)
        run.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            run / "weights.npz",
            depth=depth,
            scores_by_depth=by_depth,
            others=np.array(list(others)),
            scores_of_others=np.array(list(others.values())),
            importance=tree.feature_importances_,
            **growth.arrays(tree, values, scans.labels),
        )
        return run / "weights.npz"

    def export(self, weights: Path, dataset: Dataset, out: Path) -> str:
        """Calibrate, prove the arrays against the tree that scikit-learn grows of the same scans, and write."""
        trained = read(weights)
        samples = dataset.part("validation")
        validation = self._measured(dataset, samples, 0)
        values = validation.of(MEASURES)[:, 0]
        grown = make(trained, Temperature(1.0))
        leaves = np.array([grown.path(row)[1] for row in values])
        temperature = fit_temperature(np.log(grown.shares[leaves]), validation.labels)
        tree = make(trained, temperature)
        shares = tree.shares[leaves].astype(np.float64)
        confident = choose_confidence(shares.max(axis=1), shares.argmax(axis=1) == validation.labels, certain=CERTAIN)
        training = self._measured(dataset, dataset.part("train"), growth.COPIES)
        agreement = prove(tree, int(trained["depth"]), training, values)
        made = Trained(tree.to_bytes(), temperature.described(), {"confident": confident})
        write_artifact(self.module, self.about, made, samples, dataset.groups(samples), out)
        return agreement

    def tables(self, evaluation: Evaluation) -> dict[str, Any]:
        return {**super().tables(evaluation), **tables(read(self.weights), evaluation)}

    def _measured(self, dataset: Dataset, samples: Sequence[Sample], copies: int) -> growth.Table:
        labels = [self.about.labels.index(self.label(sample.class_name)) for sample in samples]
        return growth.measure(samples, np.array(labels, np.int64), dataset.groups(samples), copies)


def read(weights: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays that training wrote. Raises OSError if there is no such file."""
    with np.load(weights, allow_pickle=False) as arrays:
        return dict(arrays)


def prove(tree: Tree, depth: int, training: growth.Table, values: NDArray[np.float32]) -> str:
    """Compare the written tree with scikit-learn's own, grown again, on scans, (n, f).

    Raises ArtifactError if a scan reaches another leaf.
    """
    again = growth.grow(training.of(MEASURES), training.labels, depth)
    own = np.array([tree.path(row)[1] for row in values])
    if not np.array_equal(own, again.apply(values)):
        raise ArtifactError("The written tree does not agree with scikit-learn's, do not ship it")
    return f"{len(values)} of {len(values)} scans come to the same leaf as in scikit-learn's tree of depth {depth}"


def tables(trained: Mapping[str, NDArray[Any]], evaluation: Evaluation) -> dict[str, Any]:
    """Return how the tree was chosen, which measures it uses and which changes it withstands, as tables of the card."""
    depth, by_depth = int(trained["depth"]), trained["scores_by_depth"]
    others = zip(trained["others"].tolist(), trained["scores_of_others"], strict=True)
    compared = [{reason.measure for reason in analysis.prediction.reasons} for analysis in evaluation.analyses]
    order = np.argsort(-trained["importance"], kind="stable")
    return {
        "depth": {
            "title": f"Depth, by cross-validation over the training part's groups, {growth.FOLDS} folds "
            f"(`imip train brain-tree`); {depth} is the shallowest within one standard error of the best:",
            "columns": ["Depth", *SCORE],
            "rows": [[depth, *_score(scores)] for depth, scores in zip(growth.DEPTHS, by_depth, strict=True)],
        },
        "measures": {
            "title": f"The same at depth {depth} with fewer measures, with some that were left out, and with more "
            "trees:",
            "columns": ["Measures", *SCORE],
            "rows": [
                ["as served", *_score(by_depth[growth.DEPTHS.index(depth)])],
                *([name, *_score(scores)] for name, scores in others),
            ],
        },
        "importance": {
            "title": "Which measures the tree uses: the Gini importance of each, and the share of the test scans whose "
            "path compares it:",
            "columns": ["Measure", "Importance", "Paths"],
            "rows": [
                [
                    MEASURE_NAMES[MEASURES[index]],
                    round(float(trained["importance"][index]), 4),
                    round(float(np.mean([MEASURES[index] in path for path in compared])), 4),
                ]
                for index in order
                if trained["importance"][index] >= IMPORTANT
            ],
        },
        "looks": {
            "title": "The same test scans changed: the share of right labels, and of labels that stay the same:",
            "columns": ["Change", "Accuracy", "Same label"],
            "rows": [[change.title, *_changed(change, evaluation)] for change in CHANGES],
        },
    }


def _score(scores: NDArray[np.float64]) -> list[float]:
    return [round(float(scores.mean()), 4), round(growth.standard_error(scores), 4)]


def _changed(change: Change, evaluation: Evaluation) -> list[float]:
    """Return how often the labels of changed scans are right, and how often they are those of the scans as they are."""
    pictures = (change.apply(analysis.scan.pixels, change.measured) for analysis in evaluation.analyses)
    labels = [analyse(encode_png(picture), evaluation.module).prediction.label for picture in pictures]
    right = [label == TYPES[sample.class_name] for label, sample in zip(labels, evaluation.samples, strict=True)]
    same = [label == analysis.prediction.label for label, analysis in zip(labels, evaluation.analyses, strict=True)]
    return [round(float(np.mean(right)), 4), round(float(np.mean(same)), 4)]


def make(trained: Mapping[str, NDArray[Any]], temperature: Temperature) -> Tree:
    """Return the tree with each node's shares, smoothed after Laplace, made calibrated probabilities."""
    smoothed = trained["counts"] + 1.0
    shares = temperature.probabilities(np.log(smoothed / smoothed.sum(axis=1, keepdims=True)))
    return Tree(
        measures=np.array(MEASURES),
        shares=shares.astype(np.float32),
        **{name: trained[name] for name in ("measure", "threshold", "left", "right", "mean", "scale")},
    )
