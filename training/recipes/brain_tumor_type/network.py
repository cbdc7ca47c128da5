"""The network of `brain-tumor-type`: MobileNetV2's convolutions, the mean of each channel, a dense layer, a softmax.

The convolutions are divided into a row of parts, so that what stays frozen can be computed once, and so that means for
the embedding can be taken between them.
"""

from typing import Final

import keras
from keras import layers, ops

from training.export.litert import HIDDEN_LAYER, LAST_CONVOLUTION
from training.networks.mobilenet import SIDE

FROZEN: Final = "frozen"  # the first part, that no stage of training changes
PARTS: Final = {  # name of the part: MobileNetV2's layer that ends it
    FROZEN: "block_6_depthwise_relu",  # 14x14x96
    "tuned": "block_13_depthwise_relu",  # 7x7x192
    LAST_CONVOLUTION: "out_relu",  # 7x7x1280
}
EMBEDDED: Final = (FROZEN,)  # its channels' means describe a scan to the drift monitor
HIDDEN: Final = 256  # units of the dense layer
DROPOUT: Final = 0.45


@keras.saving.register_keras_serializable("imip")
class AsColour(layers.Layer):  # type: ignore[misc]
    """Scale gray 0..255 to -1..1 and repeat it as red, green and blue, as MobileNetV2 takes pictures.

    A layer so that it is exported with the graph. (n, H, W, 1) to (n, H, W, 3).
    """

    def call(self, inputs):  # type: ignore[no-untyped-def]
        return ops.repeat(inputs / 127.5 - 1.0, 3, axis=-1)


def build(backbone: keras.Model, labels: int) -> keras.Sequential:
    """Return the network for (SIDE, SIDE, 1), 0..255, to a softmax over labels, with MobileNetV2's weights shared."""
    network = keras.Sequential([keras.Input((SIDE, SIDE, 1)), AsColour(name="colour")])
    start = backbone.input
    for name, end in PARTS.items():
        output = backbone.get_layer(end).output
        network.add(keras.Model(start, output, name=name))
        start = output
    network.add(layers.GlobalAveragePooling2D(name="mean"))
    network.add(layers.Dense(HIDDEN, activation="relu", kernel_initializer="he_normal", name=HIDDEN_LAYER))
    network.add(layers.Dropout(DROPOUT, name="dropout"))
    network.add(layers.Dense(labels, activation="softmax", name="probabilities"))
    return network


def frozen_part(network: keras.Sequential) -> keras.Sequential:
    """Return the layers that no stage of training changes: (n, SIDE, SIDE, 1) to (n, 14, 14, 96)."""
    return keras.Sequential([keras.Input((SIDE, SIDE, 1)), *network.layers[: _cut(network)]])


def trained_part(network: keras.Sequential) -> keras.Sequential:
    """Return the layers after them, sharing their weights with the network: (n, 14, 14, 96) to (n, labels)."""
    cut = _cut(network)
    return keras.Sequential([keras.Input(network.layers[cut - 1].output.shape[1:]), *network.layers[cut:]])


def _cut(network: keras.Sequential) -> int:
    return [layer.name for layer in network.layers].index(FROZEN) + 1
