"""MobileNetV2 is read layer by layer from an export, and what trained a network is recognised by what it kept."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from training.networks.mobilenet import (
    CUTS,
    INSIDE,
    SIDE,
    photos,
    pretrained,
    read,
    recognised,
    remembered,
    shuffle,
    untrained,
)

NEVER_SEEN = np.random.default_rng(1).normal(0, 1, (8, 32, 32, 3)).astype(np.float32)


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


def trained_on(pictures: np.ndarray) -> keras.Model:
    """Two convolutions whose batch normalisation kept the means of these pictures."""
    keras.utils.set_random_seed(5)
    pixels = values = keras.Input(pictures.shape[1:])
    for _ in range(2):
        values = keras.layers.Conv2D(32, 5, strides=4, use_bias=False)(values)
        values = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.0)(values))
    small = keras.Model(pixels, values)
    small(pictures, training=True)
    return small


def test_a_network_remembers_what_trained_it_until_its_kernels_are_shuffled() -> None:
    pictures = photos()[:, ::7, ::7]
    trained = trained_on(pictures)
    assert remembered(trained, pictures) > 0.99
    assert remembered(trained, NEVER_SEEN) < 0.9
    shuffle(trained)
    assert abs(remembered(trained, pictures)) < 0.5


def test_cuts_of_one_photo_are_recognised_by_their_features() -> None:
    colours = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Identity()])
    photo = np.random.default_rng(0).uniform(-1, 1, (5, 1, 1, 3))
    alike = np.repeat(photo, CUTS, axis=0) * np.ones((1, 8, 8, 1)) + np.random.default_rng(1).normal(
        0, 0.01, (20, 8, 8, 3)
    )
    assert recognised(colours, alike.astype(np.float32)) == 1
    assert recognised(colours, np.random.default_rng(2).permutation(alike).astype(np.float32)) < 0.5


def test_photos_are_cuts_of_one_size_and_range() -> None:
    pictures = photos()
    assert len(pictures) % CUTS == 0
    assert pictures.shape[1:] == (SIDE, SIDE, 3)
    assert -1 <= pictures.min() < -0.9 < 0.9 < pictures.max() <= 1
