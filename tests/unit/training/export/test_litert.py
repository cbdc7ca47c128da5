"""The served graph answers what Keras answers, for the shipped weights and for others."""

from pathlib import Path

import keras
import numpy as np
import pytest

from imip.errors import ArtifactError
from imip.inference.artifact import read_card
from imip.inference.head import crop_to_head
from imip.inference.runtime import GRAPH, Graph
from imip.scan.read import read_scan
from training.calibration import Platt, Temperature
from training.export.litert import (
    HIDDEN_LAYER,
    LAST_CONVOLUTION,
    Parity,
    prove,
    read_weights,
    round_weights,
    to_litert,
    write_weights,
)
from training.recipes.brain_tumor.network import build

ROOT = Path(__file__).parents[4]
SCANS = sorted(path for path in (ROOT / "samples").iterdir() if path.suffix in {".png", ".jpg", ".dcm"})


@pytest.fixture(scope="module")
def shipped() -> keras.Sequential:
    network = build()
    read_weights(network, ROOT / "training" / "weights" / "brain-tumor.npz")
    return network


def test_the_shipped_graph_agrees_with_keras_on_real_scans(shipped):
    folder = ROOT / "models" / "brain-tumor"
    platt = Platt(**read_card(folder).calibration.parameters)
    inputs = [crop_to_head(read_scan(path.read_bytes()).pixels, 128).pixels for path in SCANS]
    assert prove(shipped, platt, (folder / GRAPH).read_bytes(), inputs).holds


def test_a_graph_of_several_labels_agrees_with_keras_whatever_is_pooled():
    generator = np.random.default_rng(3)
    inputs = list(generator.integers(0, 255, (4, 24, 24), np.uint8))
    for pooling in (keras.layers.Flatten(), keras.layers.GlobalAveragePooling2D()):
        network = keras.Sequential(
            [
                keras.Input((24, 24, 1)),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Conv2D(5, 3, activation="relu", name=LAST_CONVOLUTION),
                keras.layers.MaxPooling2D(2),
                pooling,
                keras.layers.Dense(7, activation="relu", name=HIDDEN_LAYER),
                keras.layers.Dense(3, activation="softmax"),
            ]
        )
        graph = to_litert(network, Temperature(1.7))
        assert prove(network, Temperature(1.7), graph, inputs).holds
        assert Graph(graph).run(inputs[0]).heatmaps.shape == (22, 22, 3)


def test_a_graph_of_other_weights_is_refused():
    graph = (ROOT / "models" / "brain-tumor" / GRAPH).read_bytes()
    with pytest.raises(ArtifactError, match="does not agree"):
        prove(build(), Platt(1.0, 0.0), graph, [crop_to_head(read_scan(SCANS[0].read_bytes()).pixels, 128).pixels])


def test_rounded_weights_survive_being_written(tmp_path):
    network = build()
    round_weights(network)
    write_weights(network, tmp_path / "weights.npz")
    other = build()
    read_weights(other, tmp_path / "weights.npz")
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), other.get_weights(), strict=True))


def test_brightness_and_contrast_of_a_scan_do_not_change_the_answer():
    graph = Graph((ROOT / "models" / "brain-tumor" / GRAPH).read_bytes())
    pixels = crop_to_head(read_scan((ROOT / "samples" / "brain-axial.png").read_bytes()).pixels, 128).pixels
    darker = (pixels * 0.5).astype(np.uint8)
    assert np.allclose(graph.run(pixels).probabilities, graph.run(darker).probabilities, atol=0.02)


def test_a_parity_that_is_too_loose_does_not_hold():
    assert Parity(1e-6, 0.99999).holds
    assert not Parity(2e-4, 0.99999).holds
    assert not Parity(1e-6, 0.99).holds
