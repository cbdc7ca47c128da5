"""The network answers with a map, and what it says of the scan comes from that map alone."""

import keras
import numpy as np
import pytest

from training.evidence.network import (
    EVIDENCE,
    FOREIGN,
    SCAN,
    STRONGEST,
    TYPE,
    TYPES,
    MeanWhereEvident,
    StrongestMean,
    build,
)
from training.evidence.shapes import MAP, SIDE

PIXELS = np.random.default_rng(0).uniform(0, 255, (2, SIDE, SIDE, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(3)
    return build()


@pytest.fixture(scope="module")
def answer(network: keras.Model) -> dict[str, np.ndarray]:
    return {name: keras.ops.convert_to_numpy(value) for name, value in network(PIXELS).items()}


def test_the_network_answers_map_scan_type_and_whether_it_is_a_brain_mri(answer: dict[str, np.ndarray]) -> None:
    assert {name: value.shape for name, value in answer.items()} == {
        EVIDENCE: (2, MAP, MAP, 1),
        SCAN: (2, 1),
        TYPE: (2, TYPES),
        FOREIGN: (2, 1),
    }


def test_the_scans_logit_is_the_mean_of_the_strongest_cells(answer: dict[str, np.ndarray]) -> None:
    strongest = np.sort(answer[EVIDENCE].reshape(2, -1))[:, -STRONGEST:]
    assert answer[SCAN][:, 0] == pytest.approx(strongest.mean(axis=1), rel=1e-5)


@pytest.mark.parametrize("cells", [1, MAP * MAP])
def test_how_many_cells_that_are_can_be_chosen(network: keras.Model, answer: dict[str, np.ndarray], cells: int) -> None:
    other = build(strongest=cells)
    other.set_weights(network.get_weights())
    strongest = np.sort(answer[EVIDENCE].reshape(2, -1))[:, -cells:]
    assert keras.ops.convert_to_numpy(other(PIXELS)[SCAN])[:, 0] == pytest.approx(strongest.mean(axis=1), rel=1e-4)


def test_where_the_strongest_cells_are_and_what_is_in_the_others_plays_no_part() -> None:
    evidence = np.full((2, 6, 6, 1), -3.0, np.float32)
    evidence[0, :2, :2], evidence[1, 3:5, 4:6] = 2.0, 2.0
    evidence[1, 0, 0] = 1.9
    assert keras.ops.convert_to_numpy(StrongestMean(4)(evidence)).tolist() == [[2.0], [2.0]]


def test_the_type_is_read_where_the_evidence_is() -> None:
    evidence = np.full((1, 4, 4, 1), -9.0, np.float32)
    evidence[0, 1, 2] = 9.0
    maps = np.zeros((1, 4, 4, 3), np.float32)
    maps[0, 1, 2], maps[0, 3, 3] = (1, 2, 3), (90, -90, 0)
    read = keras.ops.convert_to_numpy(MeanWhereEvident()(maps, evidence))
    assert read[0] == pytest.approx([1, 2, 3], abs=0.05)


def test_brightness_and_contrast_of_a_slice_do_not_change_the_answer(network: keras.Model) -> None:
    brighter = network(PIXELS * 3)
    for name, value in network(PIXELS).items():
        assert keras.ops.convert_to_numpy(brighter[name]) == pytest.approx(keras.ops.convert_to_numpy(value), abs=0.02)


def test_a_network_that_is_trained_in_half_the_bits_has_the_same_weights_and_answers_in_full(
    network: keras.Model, answer: dict[str, np.ndarray]
) -> None:
    mixed = build("mixed_bfloat16")
    mixed.set_weights(network.get_weights())
    for name, value in mixed(PIXELS).items():
        assert value.dtype == "float32"
        assert keras.ops.convert_to_numpy(value) == pytest.approx(answer[name], abs=0.2)


def test_a_saved_layer_keeps_how_many_cells_it_takes() -> None:
    again = StrongestMean.from_config(StrongestMean(5, name="scan").get_config())
    assert (again.cells, again.name) == (5, "scan")
