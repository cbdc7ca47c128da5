"""The served graph answers what Keras answers, for one probability and for several; another network's is refused."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest

from imip.errors import ArtifactError
from imip.inference.runtime import Graph
from training.calibration import Platt, Temperature
from training.export.litert import Parity, prove, to_litert
from training.networks.names import HIDDEN_LAYER, LAST_CONVOLUTION
from training.networks.weights import read_weights, round_weights, write_weights

SIDE = 24
PICTURES = list(np.random.default_rng(3).integers(0, 255, (4, SIDE, SIDE), np.uint8))


def network(outputs: int, pooled: Sequence[keras.layers.Layer], seed: int = 1) -> keras.Sequential:
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(5, 3, activation="relu", name=LAST_CONVOLUTION),
            *pooled,
            keras.layers.Dense(7, activation="relu", name=HIDDEN_LAYER),
            keras.layers.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax"),
        ]
    )


def small(seed: int = 1) -> keras.Sequential:
    return network(1, [keras.layers.GlobalAveragePooling2D()], seed)


@pytest.mark.parametrize("pooling", [keras.layers.Flatten, keras.layers.GlobalAveragePooling2D])
def test_a_graph_of_several_labels_agrees_with_keras_whatever_is_pooled(pooling):
    several = network(3, [keras.layers.MaxPooling2D(2), pooling()])
    graph = to_litert(several, Temperature(1.7))
    assert prove(several, Temperature(1.7), graph, PICTURES).holds
    assert Graph(graph).run(PICTURES[0]).heatmaps.shape == (22, 22, 3)


def test_a_graph_of_one_probability_agrees_with_keras_and_that_of_other_weights_is_refused():
    platt = Platt(1.5, -0.25)
    graph = to_litert(small(), platt)
    assert prove(small(), platt, graph, PICTURES).holds
    with pytest.raises(ArtifactError, match="does not agree"):
        prove(small(seed=2), platt, graph, PICTURES)


def test_rounded_weights_survive_being_written(tmp_path: Path):
    rounded, other = small(), small(seed=2)
    round_weights(rounded)
    write_weights(rounded, tmp_path / "weights.npz")
    read_weights(other, tmp_path / "weights.npz")
    assert all(np.array_equal(a, b) for a, b in zip(rounded.get_weights(), other.get_weights(), strict=True))


def test_a_parity_that_is_too_loose_does_not_hold():
    assert Parity(1e-6, 0.99999).holds
    assert not Parity(2e-4, 0.99999).holds
    assert not Parity(1e-6, 0.99).holds
