"""The backbone of `brain-tumor-type` is read layer by layer from an export, and recognised as one of photographs."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from training.export.litert import read_weights
from training.networks.mobilenet import INSIDE, photos, pretrained, read, recognised, remembered, shuffle, untrained
from training.recipes import find
from training.recipes.brain_tumor_type.network import build


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return untrained()


def write_keras2(network: keras.Model, path: Path) -> None:
    """Write weights as Keras 2 named them."""
    with h5py.File(path, "w") as file:
        for layer in network.layers:
            for weight in layer.weights:
                is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
                name = f"depthwise_{weight.name}" if is_depthwise else weight.name
                file[f"{INSIDE}/{layer.name}/{name}:0"] = weight.numpy()


def test_an_export_gives_its_weights_to_the_layers_of_the_same_names(network, tmp_path):
    write_keras2(network, tmp_path / "export.h5")
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)
    assert np.array_equal(pretrained(tmp_path / "export.h5")(picture), network(picture))


def test_an_export_that_is_another_network_is_refused(network, tmp_path):
    path = tmp_path / "export.h5"
    write_keras2(network, path)
    with h5py.File(path, "a") as file:
        del file[f"{INSIDE}/Conv1/kernel:0"]
    with pytest.raises(KeyError):
        read(network, path)
    with h5py.File(path, "a") as file:
        file[f"{INSIDE}/Conv1/kernel:0"] = np.zeros((3, 3, 3, 32), np.float32)
    with pytest.raises(ValueError, match="shape"):
        read(network, path)


def test_the_shipped_backbone_remembers_photographs_and_tells_them_apart_until_its_kernels_are_shuffled() -> None:
    shipped = untrained()
    read_weights(build(shipped, 4), find("brain-tumor-type").weights)
    pictures = photos()
    assert remembered(shipped, pictures) > 0.9
    assert recognised(shipped, pictures) > 0.6
    shuffle(shipped)
    assert abs(remembered(shipped, pictures)) < 0.2
    assert recognised(shipped, pictures) < 0.4
