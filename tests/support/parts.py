"""A small network in parts, as `brain-tumor-type` has them, and slices to train it on."""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from tests.support.heads import head
from training.data.samples import Sample
from training.networks.mobilenet import SIDE
from training.recipes.brain_tumor_type.network import FROZEN
from training.recipes.brain_tumor_type.stages import Labelled


def network_in_parts() -> keras.Sequential:
    """A frozen part, then one convolution with batch normalisation in the place of many."""
    pooled = keras.Input((7, 7, 1))
    tuned = keras.Model(pooled, layers.BatchNormalization(name="bn")(layers.Conv2D(3, 3, name="kernel")(pooled)))
    parts = [layers.AveragePooling2D(32, name=FROZEN), tuned, layers.GlobalAveragePooling2D(), layers.Dense(4)]
    return keras.Sequential([keras.Input((SIDE, SIDE, 1)), *parts, layers.Softmax()])


def labelled(count: int) -> Labelled:
    samples = [Sample(Path(f"{seed}.png"), str(seed), "glioma", head(seed), b"") for seed in range(count)]
    return samples, np.arange(count) % 4
