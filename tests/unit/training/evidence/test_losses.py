"""What costs something: a wrong map, scan or type, and nothing that nobody knows."""

import keras
import numpy as np
import pytest

from training.evidence.losses import LESION_WEIGHT, UNKNOWN, evidence_loss, type_loss, yes_or_no_loss

SIDE = 8
LESION = np.zeros((SIDE, SIDE), np.float32)
LESION[2:5, 3:6] = 1
NONE = np.zeros((SIDE, SIDE), np.float32)
NOBODY_KNOWS = np.full((SIDE, SIDE), UNKNOWN, np.float32)


def sure(lesion: np.ndarray) -> np.ndarray:
    """The map of a network that is sure of it."""
    return np.where(lesion > 0.5, 8.0, -8.0)


def of_maps(target: np.ndarray, evidence: np.ndarray) -> float:
    (loss,) = keras.ops.convert_to_numpy(evidence_loss(target[None, :, :, None], evidence[None, :, :, None]))
    return float(loss)


def test_the_right_map_costs_next_to_nothing_and_the_wrong_one_much() -> None:
    assert of_maps(LESION, sure(LESION)) < 0.01 > of_maps(NONE, sure(NONE))
    shifted = np.roll(LESION, 1, axis=0)
    assert 0.01 < of_maps(LESION, sure(shifted)) < of_maps(LESION, sure(np.roll(LESION, 3, axis=0)))


def test_a_missed_cell_costs_more_than_a_false_one() -> None:
    missed, false = LESION.copy(), LESION.copy()
    missed[2, 3], false[0, 0] = 0, 1
    assert of_maps(LESION, sure(missed)) > (LESION_WEIGHT - 1) * of_maps(LESION, sure(false))


def test_a_small_lesion_that_is_missed_costs_more_than_its_cells() -> None:
    small = np.zeros_like(LESION)
    small[0, 0] = 1
    cells = LESION_WEIGHT * 8 / SIDE**2
    assert of_maps(small, sure(NONE)) > cells + 0.2  # Dice


@pytest.mark.parametrize("evidence", [sure(LESION), sure(NONE), np.full((SIDE, SIDE), 50.0)])
def test_a_map_that_nobody_drew_costs_nothing(evidence: np.ndarray) -> None:
    assert of_maps(NOBODY_KNOWS, evidence) == 0


def test_slices_are_judged_one_by_one() -> None:
    maps, answers = np.stack([LESION, NOBODY_KNOWS, NONE]), np.stack([sure(NONE), sure(NONE), sure(NONE)])
    losses = keras.ops.convert_to_numpy(evidence_loss(maps[..., None], answers[..., None]))
    assert losses.shape == (3,)
    assert losses[0] > 0.1 and losses[1] == 0 and losses[2] < 0.01


def test_a_scan_costs_more_the_surer_the_wrong_answer_is() -> None:
    losses = keras.ops.convert_to_numpy(
        yes_or_no_loss(np.array([[1.0], [1.0], [0.0]]), np.array([[4.0], [-1.0], [4.0]]))
    )
    assert losses == pytest.approx([np.log1p(np.exp(-4)), np.log1p(np.e), np.log1p(np.exp(4))], rel=1e-5)


def test_a_type_costs_as_the_cross_entropy_and_an_unknown_one_nothing() -> None:
    logits = np.array([[2.0, 0.0, -1.0], [2.0, 0.0, -1.0], [2.0, 0.0, -1.0]])
    losses = keras.ops.convert_to_numpy(type_loss(np.array([0.0, 2.0, UNKNOWN]), logits))
    total = np.log(np.exp(logits[0]).sum())
    assert losses == pytest.approx([total - 2, total + 1, 0], rel=1e-5)
    as_column = type_loss(np.array([[0.0], [2.0], [UNKNOWN]]), logits)  # as Keras may hand them over
    assert keras.ops.convert_to_numpy(as_column) == pytest.approx(losses)
