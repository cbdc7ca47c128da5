from pathlib import Path

import cv2
import numpy as np
import pytest

from training.calibration import OperatingPoint
from training.evaluation import binary as two_labels
from training.evaluation import multiclass as many_labels
from training.evaluation.plots import write_plots
from training.evaluation.report import Report

RIGHT = np.array([True, True, False, True, True, False])


def binary(is_positive: np.ndarray) -> tuple[two_labels.Scored, Report]:
    probability = np.array([0.9, 0.8, 0.3, 0.2, 0.6, 0.7])
    names = np.where(is_positive, "PNEUMONIA", "NORMAL")
    scored = two_labels.Scored(("Pneumonia", "Normal"), probability, is_positive, names, np.arange(6))
    return scored, two_labels.evaluate(scored, OperatingPoint(0.5, 0.4, 0.6), resamples=10)


def many(answered: list[str], actual: list[str]) -> tuple[many_labels.Scored, Report]:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.5, 0.3, 0.2], [0.2, 0.7, 0.1], [0.3, 0.4, 0.3]])
    unsure = np.array(answered) == "Ambiguous"
    scored = many_labels.Scored(
        ("A", "B", "C"), probabilities, np.array(answered), np.array(actual), np.arange(4), unsure
    )
    return scored, many_labels.evaluate(scored, resamples=10)


@pytest.mark.parametrize(
    ("evaluated", "names"),
    [
        (binary(RIGHT), ["roc", "reliability", "confusion"]),
        (binary(np.ones(6, np.bool_)), ["reliability", "confusion"]),
        (many(["A", "A", "B", "B"], ["A", "B", "B", "C"]), ["roc", "reliability", "confusion"]),
        (many(["A", "A", "B", "Ambiguous"], ["A"] * 4), ["reliability", "confusion", "confusion_forced"]),
    ],
    ids=["two labels", "one class of two", "three labels", "one class of three, with an abstention"],
)
def test_what_the_scans_can_show_is_drawn(evaluated: tuple, names: list[str], tmp_path: Path) -> None:
    files = write_plots(*evaluated, tmp_path / "made")
    assert [path.stem for path in files] == names
    for path in files:
        picture = cv2.imread(str(path))
        assert picture.shape[1] == 800
        assert picture.std() > 5
