"""Two modules that have no recipe of their own, and pictures of bars to train them on."""

from pathlib import Path

import cv2
import numpy as np

from imip.inference.module import AnalysisModule, BinaryClassifier, Classifier
from training.about import About
from training.recipes.default import DefaultRecipe

SIDE = 16
FOLDERS = {"upright_bar": (10, 3), "LYING-BAR": (3, 10), "Square": (6, 6)}  # height, width


class Bars(Classifier):
    """One of three shapes."""


class Upright(BinaryClassifier):
    """One of two."""


LABELS = {Bars: ("Upright Bar", "Lying Bar", "Square"), Upright: ("Upright Bar", "Lying Bar")}
TEXTS = (
    "question",
    "details",
    "decision_rule",
    "data",
    "factors",
    "caveats",
    "intended_use",
    "non_recommended_use",
    "ethics",
)


def recipe_of(module: type[AnalysisModule]) -> DefaultRecipe:
    about = About(
        title="Shapes",
        labels=LABELS[module],
        modalities=("OT",),
        side=SIDE,
        heatmap="Grad-CAM",
        headline="accuracy",
        **dict.fromkeys(TEXTS, "A test."),
    )
    return DefaultRecipe(module, about)


def draw_bars(root: Path) -> Path:
    """Draw forty pictures a label, each another one by its noise, into folders."""
    rng = np.random.default_rng(0)
    for name, (height, width) in FOLDERS.items():
        (root / name).mkdir()
        for number in range(40):
            pixels = rng.integers(0, 160, (SIDE, SIDE))
            top, left = rng.integers(0, SIDE - height + 1), rng.integers(0, SIDE - width + 1)
            pixels[top : top + height, left : left + width] = 255
            cv2.imwrite(str(root / name / f"{number}.png"), pixels.astype(np.uint8))
    return root
