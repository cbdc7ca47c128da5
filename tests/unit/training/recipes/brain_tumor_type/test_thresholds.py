"""Thresholds of `brain-tumor-type`: they keep right answers and turn wrong ones away, by what each costs."""

import numpy as np
import pytest

from imip.errors import ArtifactError
from imip.modules.brain_tumor_type import AMBIGUOUS
from training.recipes.brain_tumor_type.thresholds import LABELS, answers, choose, youden


@pytest.mark.parametrize(
    ("probabilities", "answer"),
    [
        ((0.8, 0.2, 0.0, 0.0), "No Tumor"),
        ((0.79, 0.21, 0.0, 0.0), AMBIGUOUS),
        ((0.0, 0.6, 0.4, 0.0), "Meningioma"),
        ((0.5, 0.05, 0.05, 0.4), "Pituitary"),
    ],
)
def test_answers_are_the_modules_own(probabilities, answer):
    thresholds = {"No Tumor": 0.8, "Meningioma": 0.6, "Glioma": 0.5, "Pituitary": 0.4}
    assert answers(np.array([probabilities]), thresholds).tolist() == [answer]


def test_the_cut_keeps_positives_and_lets_fewer_negatives_pass_the_more_they_cost():
    score = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.9])
    is_positive = np.array([False, False, True, False, True, True])
    assert youden(score, is_positive, cost=0.5) == pytest.approx(0.25)
    assert youden(score, is_positive, cost=3.0) == pytest.approx(0.65)
    with pytest.raises(ValueError, match="both sides"):
        youden(score, np.ones(6, np.bool_), cost=1.0)


def test_thresholds_keep_right_answers_and_turn_wrong_ones_away():
    certain, torn = np.full((4, 4), 0.02) + 0.92 * np.eye(4), np.full((4, 4), 0.2) + 0.2 * np.eye(4)
    probabilities = np.concatenate([certain, torn])
    actual = np.array([*LABELS, "Glioma", "Glioma", "Pituitary", "Meningioma"])
    chosen = choose(probabilities, actual)
    assert list(chosen) == list(LABELS)
    answered = answers(probabilities, chosen).tolist()
    assert answered[:4] == list(LABELS)
    assert set(answered[4:]) == {AMBIGUOUS}


def test_a_type_that_is_always_right_turns_nothing_away_and_one_that_never_is_is_never_given():
    sure = np.full((4, 4), 0.02) + 0.92 * np.eye(4)
    probabilities = np.concatenate([sure, sure[1:2]])
    chosen = choose(probabilities, np.array(["No Tumor", "Meningioma", "Pituitary", "Pituitary", "Meningioma"]))
    assert (chosen["Meningioma"], chosen["Glioma"], chosen["Pituitary"]) == (0.0, 1.0, 0.0)
    with pytest.raises(ArtifactError, match="both sides"):
        choose(probabilities, np.array(["Glioma"] * 5))
