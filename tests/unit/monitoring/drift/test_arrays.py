"""Predictions as arrays: gathered, taken by row, asked for a feature. What was not measured is no number."""

from dataclasses import replace
from math import nan

import numpy as np
import pytest

from monitoring.drift.arrays import PredictionArrays
from tests.support.logged import answered

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


def test_a_feature_is_found_by_its_name_and_the_confidence_is_one() -> None:
    assert THREE.feature("sharpness").tolist() == [10, 20, 30]
    assert THREE.feature("confidence") is THREE.confidences
    with pytest.raises(ValueError, match="tuple"):
        THREE.feature("colour")


def test_predictions_are_gathered_as_they_were_made() -> None:
    one = replace(answered(), features={"symmetry": 0.5, "sharpness": 2.0}, label="No Tumor", confidence=0.625)
    other = answered()
    gathered = PredictionArrays.of(iter([one, other]), ("sharpness", "entropy_bits"))
    np.testing.assert_array_equal(gathered.embeddings, [one.embedding, other.embedding])
    np.testing.assert_array_equal(gathered.features, np.array([[2, nan], [nan, 4.56789012]], np.float32))
    assert gathered.names == ("sharpness", "entropy_bits")
    assert gathered.confidences.tolist() == [0.625, 0.875]
    assert gathered.labels.tolist() == ["No Tumor", "Tumor"]


def test_of_no_prediction_there_are_no_rows() -> None:
    assert len(PredictionArrays.of([], ("sharpness",))) == 0
