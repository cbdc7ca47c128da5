"""The pretrained rival is fine-tuned in two stages: its head alone, then all of it."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from tests.support.lesions import DISC, sample_of, slice_of_head
from training.comparison.left_out import rivals
from training.data.split import Dataset, Entry
from training.networks import mobilenet

PARTS = ("train", "train", "validation", "test")


@pytest.fixture
def dataset() -> Dataset:
    samples = [
        sample_of(slice_of_head(seed, DISC if seed < 4 else None), f"{seed}", "glioma" if seed < 4 else "notumor")
        for seed in range(8)
    ]
    entries = {s.digest: Entry(s.digest, s.class_name, n, PARTS[n % 4]) for n, s in enumerate(samples)}
    return Dataset(samples, entries)


def small_backbone() -> keras.Model:
    """One convolution, in the place of MobileNetV2."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((mobilenet.SIDE, mobilenet.SIDE, 3))
    values = layers.Conv2D(4, 16, strides=16)(pixels)
    return keras.Model(pixels, layers.ReLU()(layers.BatchNormalization()(values)))


def convolution(network: keras.Model) -> np.ndarray:
    """The kernel of the backbone in a rival."""
    (backbone,) = (layer for layer in network.layers if isinstance(layer, keras.Model))
    return np.asarray(backbone.layers[1].get_weights()[0])


def test_the_head_is_trained_first_then_all_and_each_slice_gets_a_probability(dataset, tmp_path: Path, monkeypatch):
    backbone = small_backbone()
    before = backbone.layers[1].get_weights()
    monkeypatch.setattr(mobilenet, "pretrained", lambda _: backbone)
    monkeypatch.setattr(rivals, "DRAWN", 4)
    monkeypatch.setattr(rivals, "STAGES", {name: replace(one, epochs=1) for name, one in rivals.STAGES.items()})
    unknown = dataset.part("test")
    answers = rivals.by_mobilenet(dataset, unknown, tmp_path, Path("no-export"))
    assert answers.shape == (2,)
    assert ((answers > 0) & (answers < 1)).all()
    head, everything = (keras.saving.load_model(tmp_path / name / "best.keras") for name in ("head", "all"))
    assert np.array_equal(convolution(head), before[0])
    assert not np.array_equal(convolution(everything), before[0])
