"""Predictions as arrays: taken by row, narrowed to features, gathered from analyses."""

import numpy as np
import pytest

from imip.inference.features import FEATURES
from imip.inference.predictor import analyse
from imip.modules import load
from monitoring.drift.arrays import PredictionArrays, of_analyses
from tests.support.server import REPOSITORY

THREE = PredictionArrays(
    np.arange(6, dtype=np.float32).reshape(3, 2),
    np.array([[1, 10], [2, 20], [3, 30]], np.float32),
    ("symmetry", "sharpness"),
    np.array([0.5, 0.6, 0.7], np.float32),
    np.array(["Tumor", "No Tumor", "Tumor"]),
)


def test_rows_are_taken_together_and_in_the_order_asked() -> None:
    taken = THREE.take([2, 0])
    assert len(taken) == 2
    assert taken.embeddings.tolist() == [[4, 5], [0, 1]]
    assert taken.feature("sharpness").tolist() == [30, 10]
    assert (taken.confidences.tolist(), taken.labels.tolist()) == ([pytest.approx(0.7), 0.5], ["Tumor", "Tumor"])


def test_watched_features_stand_in_the_order_asked() -> None:
    narrowed = THREE.watched(("sharpness", "symmetry"))
    assert narrowed.features.tolist() == [[10, 1], [20, 2], [30, 3]]
    assert narrowed.names == ("sharpness", "symmetry")
    with pytest.raises(ValueError, match="tuple"):
        THREE.watched(("colour",))


def test_analyses_are_gathered_as_they_were_judged(head: bytes, png: bytes) -> None:
    module = load(REPOSITORY / "models" / "brain-tumor")
    analyses = [analyse(scan, module) for scan in (head, png)]
    gathered = of_analyses(iter(analyses), FEATURES)
    for row, analysis in enumerate(analyses):
        assert gathered.embeddings[row].tolist() == analysis.output.embedding.tolist()
        assert gathered.features[row].tolist() == pytest.approx(
            [analysis.prediction.features[name] for name in FEATURES], rel=1e-6
        )
        assert gathered.labels[row] == analysis.prediction.label
