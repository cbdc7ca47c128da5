"""The network of the default recipe, for a square picture of any size and any number of labels."""

import math
from typing import Final

import keras
from keras import layers, ops

from training.networks.names import HIDDEN_LAYER, LAST_CONVOLUTION

FINEST: Final = 7  # positions a side that the last convolution has at least, so that a heatmap can point
FILTERS: Final = (32, 64, 128)  # of the blocks; further ones have as many as the last of these
HIDDEN: Final = 64  # units of the dense layer


@keras.saving.register_keras_serializable("imip")
class Standardization(layers.Layer):  # type: ignore[misc]
    """Shift and scale each picture to mean 0 and deviation 1, so that exposure plays no part; a flat one becomes 0.

    Normalisation is a layer so that it is exported with the graph. (n, H, W, 1), any range, to the same shape.
    """

    def call(self, inputs):  # type: ignore[no-untyped-def]
        mean = ops.mean(inputs, axis=(1, 2, 3), keepdims=True)
        variance = ops.mean(ops.square(inputs - mean), axis=(1, 2, 3), keepdims=True)
        return (inputs - mean) / ops.sqrt(variance + 1.0)


def build(side: int, outputs: int) -> keras.Sequential:
    """Return the untrained network for (side, side, 1), 0..255: one sigmoid if `outputs` is 1, else a softmax.

    Blocks of two convolutions, each half as fine as the one before; the mean of each channel; a dense layer.
    """
    network = keras.Sequential([keras.Input((side, side, 1)), Standardization(name="standardize")])
    blocks = len(ends(side))
    for number in range(1, blocks + 1):
        filters = FILTERS[min(number, len(FILTERS)) - 1]
        network.add(_convolution(filters, f"convolution_{number}"))
        network.add(_convolution(filters, ends(side)[number - 1]))
        if number < blocks:
            network.add(layers.MaxPooling2D(2, name=f"pool_{number}"))
    network.add(layers.GlobalAveragePooling2D(name="mean"))
    network.add(layers.Dropout(0.4, name="dropout_1"))
    network.add(layers.Dense(HIDDEN, activation="relu", kernel_initializer="he_normal", name=HIDDEN_LAYER))
    network.add(layers.Dropout(0.3, name="dropout_2"))
    network.add(layers.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax", name="probabilities"))
    return network


def ends(side: int) -> list[str]:
    """Return the names of the convolutions that end a block, whose means make the embedding."""
    blocks = 1 + max(0, int(math.log2(side / FINEST)))
    return [*(f"convolution_{number}_end" for number in range(1, blocks)), LAST_CONVOLUTION]


def _convolution(filters: int, name: str) -> layers.Layer:
    return layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=name)
