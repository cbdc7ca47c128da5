"""The network of `brain-tumor`: three blocks of convolution, ReLU and max pooling, then dense layers."""

from typing import Final

import keras
from keras import layers, ops

from training.export.litert import HIDDEN_LAYER, LAST_CONVOLUTION

SIDE: Final = 128  # pixels; the input is (SIDE, SIDE, 1), 0..255
FILTERS: Final = (32, 64, 128)
KERNELS: Final = (5, 3, 3)  # pixels
POOLS: Final = (2, 2, 4)  # the last leaves 8x8, so that the dense layer stays small
HIDDEN: Final = 96  # units of the dense layer
AIR_RATIO: Final = 0.08  # of the brightest pixel; darker pixels do not count as tissue


@keras.saving.register_keras_serializable("imip")
class TissueStandardization(layers.Layer):  # type: ignore[misc]
    """Shift and scale each slice so that its tissue has mean 0 and deviation 1; air becomes 0 as well.

    Normalisation is a layer so that it is exported with the graph. (n, H, W, 1), any range, to the same shape.
    """

    def call(self, inputs):  # type: ignore[no-untyped-def]
        tissue = ops.cast(inputs > AIR_RATIO * ops.max(inputs, axis=(1, 2, 3), keepdims=True), "float32")
        area = ops.sum(tissue, axis=(1, 2, 3), keepdims=True) + 1.0
        mean = ops.sum(inputs * tissue, axis=(1, 2, 3), keepdims=True) / area
        variance = ops.sum(ops.square(inputs - mean) * tissue, axis=(1, 2, 3), keepdims=True) / area
        return tissue * (inputs - mean) / ops.sqrt(variance + 1.0)


def build() -> keras.Sequential:
    """Return the untrained network, which ends in one sigmoid."""
    network = keras.Sequential([keras.Input((SIDE, SIDE, 1)), TissueStandardization(name="standardize")])
    for number, (filters, kernel, pool) in enumerate(zip(FILTERS, KERNELS, POOLS, strict=True), start=1):
        network.add(
            layers.Conv2D(
                filters,
                kernel,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                name=LAST_CONVOLUTION if number == len(FILTERS) else f"convolution_{number}",
            )
        )
        network.add(layers.MaxPooling2D(pool, name=f"pool_{number}"))
    network.add(layers.Flatten(name="flatten"))
    network.add(layers.Dropout(0.4, name="dropout_1"))
    network.add(layers.Dense(HIDDEN, activation="relu", kernel_initializer="he_normal", name=HIDDEN_LAYER))
    network.add(layers.Dropout(0.3, name="dropout_2"))
    network.add(layers.Dense(1, activation="sigmoid", name="probability"))
    return network
