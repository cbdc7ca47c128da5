"""Growing the tree of `brain-tree`: its measures of each scan, and how deep it may grow.

Depth is chosen by cross-validation over groups, on the training part alone. The same cross-validation with other
measures shows what the served ones cost and what those left out would gain.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.tree import DecisionTreeClassifier
from tqdm import tqdm

from imip.inference.features import FILE_FEATURES, IMAGE_FEATURES, image_features
from imip.inference.head import crop_to_head
from imip.modules.brain_tree import HEAD_FEATURES, MEASURES
from imip.modules.brain_tree.texture import TEXTURE_FEATURES, texture_features
from imip.modules.brain_tree.tree import LEAF
from imip.scan.read import read_scan
from imip.scan.scan import Scan
from training.data.samples import Sample
from training.recipes.brain_tree.variants import vary

DEPTHS: Final = tuple(range(2, 11))
COPIES: Final = 2  # changed variants of each training slice
SMALLEST_LEAF: Final = 20 * (1 + COPIES)  # slices with their variants; fewer give no reliable share
FOLDS: Final = 5
FOREST: Final = 100  # trees, of the forest to compare with
SIDE = 128  # pixels of the module's input
SEED: Final = 0

ALL: Final = (*(name for name in IMAGE_FEATURES if name not in FILE_FEATURES), *TEXTURE_FEATURES)
FINENESS: Final = ("noise_sigma", "noise_ratio", "sharpness", "detail_ratio", "edge_ratio", "blockiness")
AIR: Final = tuple(name for name in ALL if name not in (*MEASURES, *FINENESS))
OTHERS: Final[Mapping[str, Sequence[str]]] = {
    "textures alone": TEXTURE_FEATURES,
    "image features inside the head alone": HEAD_FEATURES,
    "as served, with noise, sharpness and compression": (*MEASURES, *FINENESS),
    "as served, with what the air around the head moves": (*MEASURES, *AIR),
    "what the air around the head moves, alone": AIR,
}


@dataclass(frozen=True, slots=True)
class Table:
    """Scans as numbers, each as it is and in c variants."""

    values: NDArray[np.float32]  # (n, 1 + c, m) of ALL; first as it is
    labels: NDArray[np.int64]  # (n,) index of the label
    groups: NDArray[np.int64]  # (n,)

    def of(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Return some of the measures, (n, 1 + c, f)."""
        return self.values[..., [ALL.index(name) for name in names]]


def measure(samples: Sequence[Sample], labels: NDArray[np.int64], groups: NDArray[np.int64], copies: int) -> Table:
    """Measure scans as the module does when it serves, and variants of them. The same scans get the same variants."""
    rng = np.random.default_rng(SEED)
    rows = []
    for sample in tqdm(samples, desc="measuring", unit="scan"):
        scan = read_scan(sample.data)
        variants = (replace(scan, pixels=vary(scan.pixels, rng)) for _ in range(copies))
        rows.append([_measures(variant) for variant in (scan, *variants)])
    return Table(np.array(rows, np.float32), labels, groups)


def grow(values: NDArray[np.float32], labels: NDArray[np.int64], depth: int) -> DecisionTreeClassifier:
    """Grow a tree of at most this depth on (n, 1 + c, f), all labels (n,) counting alike. The same scans, one tree."""
    tree = DecisionTreeClassifier(
        max_depth=depth, min_samples_leaf=SMALLEST_LEAF, class_weight="balanced", random_state=SEED
    )
    return tree.fit(*_flat(values, labels))


def scores_by_depth(scans: Table) -> NDArray[np.float64]:
    """Return the balanced accuracy of trees on the served measures, (depths, folds)."""
    return np.array([cross_validate(scans, MEASURES, partial(grow, depth=depth)) for depth in DEPTHS])


def compare(scans: Table, depth: int) -> dict[str, NDArray[np.float64]]:
    """Cross-validate trees of one depth on OTHERS, and a forest on the served measures, each (folds,)."""
    trees = {name: cross_validate(scans, names, partial(grow, depth=depth)) for name, names in OTHERS.items()}
    return trees | {f"as served, by a forest of {FOREST} trees": cross_validate(scans, MEASURES, _grow_forest)}


def cross_validate(
    scans: Table, names: Sequence[str], fit: Callable[[NDArray[np.float32], NDArray[np.int64]], Any]
) -> NDArray[np.float64]:
    """Return the balanced accuracy in each fold, (folds,), of slices as they are; no group is in two folds."""
    values, scores = scans.of(names), []
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for known, held_out in folds.split(values, scans.labels, scans.groups):
        answered = fit(values[known], scans.labels[known]).predict(values[held_out, 0])
        scores.append(balanced_accuracy_score(scans.labels[held_out], answered))
    return np.array(scores)


def choose(scores: NDArray[np.float64]) -> int:
    """Return the shallowest depth within one standard error of the best, by scores (depths, folds).

    Source: Breiman et al., Classification and Regression Trees, 1984, the 1 SE rule.
    """
    mean = scores.mean(axis=1)
    best = int(mean.argmax())
    return DEPTHS[int(np.flatnonzero(mean >= mean[best] - standard_error(scores[best]))[0])]


def standard_error(scores: NDArray[np.float64]) -> float:
    """Return the standard error of the mean over folds, (folds,)."""
    return float(scores.std(ddof=1) / np.sqrt(scores.size))


def arrays(tree: DecisionTreeClassifier, values: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Return a grown tree as the arrays of `tree.Tree`, with counts (n, k) of its slices in place of shares."""
    grown = tree.tree_
    leaf = grown.children_left < 0
    flat, each = _flat(values, labels)
    return {
        "measure": np.where(leaf, LEAF, grown.feature).astype(np.int32),
        "threshold": np.where(leaf, 0.0, grown.threshold),
        "left": grown.children_left.astype(np.int32),
        "right": grown.children_right.astype(np.int32),
        "counts": np.asarray(tree.decision_path(flat).T @ np.eye(tree.n_classes_, dtype=np.int64)[each]),
        "mean": values[:, 0].mean(axis=0),
        "scale": values[:, 0].std(axis=0),
    }


def _measures(scan: Scan) -> list[float]:
    features = image_features(scan)
    values = features | texture_features(crop_to_head(scan.pixels, SIDE).pixels)
    return [values[name] for name in ALL]


def _flat(values: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return slices and their variants as rows, ((1 + c) n, f), with a label each."""
    return values.reshape(-1, values.shape[-1]), labels.repeat(values.shape[1])


def _grow_forest(values: NDArray[np.float32], labels: NDArray[np.int64]) -> RandomForestClassifier:
    forest = RandomForestClassifier(FOREST, min_samples_leaf=1 + COPIES, class_weight="balanced", random_state=SEED)
    return forest.fit(*_flat(values, labels))
