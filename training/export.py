"""From a trained Keras network to the served graph: one LiteRT pass that answers probability, embedding and heatmap.

Grad-CAM (Selvaraju et al. 2017) needs the gradient of the logit by the last convolution's output A. With one
hidden dense layer that gradient has a closed form, so the graph needs no gradient tape: through max pooling and
flattening, the sum over positions of dz/dA_k is sum_e S[k, e] * [h_e > 0] * v_e, where S sums the hidden
layer's weights over positions, h is that layer's activation and v the output weights. Max pooling routes each
gradient to one position and so leaves the sum unchanged.

The embedding is the square root of the mean activation of every convolution channel. The hidden layer's own
activation, the usual choice, holds what parts tumors from healthy slices and forgets the rest: distances in it
cannot tell a chest film from a brain. The root evens out the variance of means that are often near 0.
"""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.brain_tumor import HIDDEN_LAYER, LAST_CONVOLUTION
from training.calibration import Platt

PROBABILITY_TOLERANCE = 1e-4
HEATMAP_CORRELATION = 0.999


def round_weights(network: keras.Sequential) -> None:
    """Round all weights to what float16 can hold, so that keeping them in half the space changes no answer."""
    network.set_weights([weight.astype(np.float16).astype(np.float32) for weight in network.get_weights()])


def to_litert(network: keras.Sequential, platt: Platt) -> bytes:
    """Compile a network whose weights are rounded into the served graph.

    Input `pixels` (1, side, side, 1) float32, 0..255; outputs `probabilities` (1, 2), calibrated, positive label
    first, `embedding` (1, d) and `heatmaps` (1, h, w, 2).
    """
    one_pass = OnePass(network, platt)
    signature = one_pass.answer.get_concrete_function(
        tf.TensorSpec((1, *network.input_shape[1:]), tf.float32, "pixels")
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([signature], one_pass)
    return bytes(converter.convert())


class OnePass(tf.Module):  # type: ignore[misc]
    """The network as one function of a slice, with its Grad-CAM in closed form."""

    def __init__(self, network: keras.Sequential, platt: Platt) -> None:
        super().__init__()
        self._variables = [variable.value for variable in network.variables]  # where the converter looks for weights
        names = [layer.name for layer in network.layers]
        convolution, hidden = names.index(LAST_CONVOLUTION), names.index(HIDDEN_LAYER)
        self._to_convolution = network.layers[: convolution + 1]
        self._to_hidden = network.layers[convolution + 1 : hidden + 1]
        channels = network.get_layer(LAST_CONVOLUTION).output.shape[-1]
        hidden_kernel = network.get_layer(HIDDEN_LAYER).kernel.numpy()
        kernel, bias = (variable.numpy() for variable in network.layers[-1].weights)
        self._position_sums = tf.constant(hidden_kernel.reshape(-1, channels, hidden_kernel.shape[1]).sum(axis=0))
        self._out_kernel, self._out_bias = tf.constant(kernel), tf.constant(bias)
        self._platt = platt

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def answer(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        means, activation = [], pixels
        for layer in self._to_convolution:
            activation = layer(activation)
            if isinstance(layer, keras.layers.Conv2D):
                means.append(tf.reduce_mean(activation, axis=(1, 2)))
        hidden = _through(self._to_hidden, activation)
        logit = tf.matmul(hidden, self._out_kernel) + self._out_bias
        calibrated = self._platt.slope * logit + self._platt.intercept
        positive = tf.sigmoid(calibrated)
        gradient = tf.where(hidden > 0, tf.ones_like(hidden), 0.0) * tf.transpose(self._out_kernel)
        area = activation.shape[1] * activation.shape[2]
        channel_weights = tf.matmul(gradient, self._position_sums, transpose_b=True) / area  # (1, channels)
        evidence = tf.reduce_sum(activation * channel_weights[:, None, None, :], axis=-1, keepdims=True)
        return {
            "probabilities": tf.concat([positive, 1.0 - positive], axis=-1),
            "embedding": tf.sqrt(tf.concat(means, axis=-1)),
            "heatmaps": tf.nn.relu(tf.concat([evidence, -evidence], axis=-1)),
        }


def _through(layers: list[keras.Layer], values: tf.Tensor) -> tf.Tensor:
    for layer in layers:
        values = layer(values, training=False) if layer.name.startswith("dropout") else layer(values)
    return values


@dataclass(frozen=True, slots=True)
class Parity:
    """The largest differences between the served graph and Keras over some scans."""

    probability_difference: float
    heatmap_correlation: float

    @property
    def holds(self) -> bool:
        return self.probability_difference <= PROBABILITY_TOLERANCE and self.heatmap_correlation > HEATMAP_CORRELATION


def keras_answer(
    network: keras.Sequential, platt: Platt, pixels: NDArray[np.float32]
) -> tuple[float, NDArray[np.float32]]:
    """Return Keras' calibrated probability and its Grad-CAM evidence, (h, w), by automatic differentiation.

    Independent of the closed form on purpose: this is what the served graph is proved against.
    """
    names = [layer.name for layer in network.layers]
    convolution = names.index(LAST_CONVOLUTION)
    activation = _through(network.layers[: convolution + 1], tf.constant(pixels))
    with tf.GradientTape() as tape:
        tape.watch(activation)
        hidden = _through(network.layers[convolution + 1 : -1], activation)
        kernel, bias = network.layers[-1].weights
        logit = tf.matmul(hidden, kernel) + bias
    gradient = tape.gradient(logit, activation)
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    evidence = tf.reduce_sum(weights * activation, axis=-1)[0].numpy()
    return float(platt.apply(logit.numpy().astype(np.float64))[0, 0]), evidence


def write_weights(network: keras.Sequential, path: Path) -> None:
    """Keep rounded weights as float16 arrays, in the network's order."""
    arrays = {f"{i:02d}": weight.astype(np.float16) for i, weight in enumerate(network.get_weights())}
    np.savez_compressed(path, **arrays)


def read_weights(network: keras.Sequential, path: Path) -> None:
    """Set a network's weights from `write_weights`. Raises OSError if there are none, ValueError if they do not fit."""
    with np.load(path, allow_pickle=False) as arrays:
        network.set_weights([arrays[name].astype(np.float32) for name in sorted(arrays.files)])
