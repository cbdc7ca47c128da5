"""From a trained Keras network to the served graph: one LiteRT pass that answers probabilities, embedding and heatmaps.

Grad-CAM (Selvaraju et al. 2017) needs the gradient of each logit by the last convolution's output A. With one
hidden dense layer that gradient has a closed form, so the graph needs no gradient tape: through max pooling and
flattening, or average pooling, the sum over positions of dz/dA_k is sum_e S[k, e] * [h_e > 0] * v_e, where S sums the
hidden layer's weights over positions, h is that layer's activation and v the output weights of the logit. Max pooling
routes each gradient to one position and so leaves the sum unchanged; so does an average, which splits it evenly.

The embedding is the square root of the mean activation of every channel of the convolutions. The hidden layer's own
activation, the usual choice, keeps what separates the labels and loses the rest: by its distances, a picture of
something else looks like any scan. The root evens out the variance of means that are often near 0.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from imip.errors import ArtifactError
from imip.inference.runtime import Graph
from training.calibration import Platt, Temperature
from training.networks.names import HIDDEN_LAYER, LAST_CONVOLUTION

PROBABILITY_TOLERANCE = 1e-4
HEATMAP_CORRELATION = 0.999
FLAT = 1e-6  # deviation of a map below which it has no shape to correlate


def to_litert(network: keras.Sequential, calibration: Platt | Temperature, embedded: Sequence[str] = ()) -> bytes:
    """Compile a network whose weights are rounded into the served graph.

    Input `pixels` (1, side, side, 1) float32, 0..255; outputs `probabilities` (1, k), calibrated, `embedding` (1, d)
    and `heatmaps` (1, h, w, k). `embedded`: layers whose mean activations, >= 0, make the embedding; by default all
    convolutions. The network's last layers are LAST_CONVOLUTION, pooling or flattening, HIDDEN_LAYER with ReLU, and
    one dense layer: a single sigmoid for two labels, the positive one first, or a softmax over k.
    """
    one_pass = OnePass(network, calibration, embedded)
    signature = one_pass.answer.get_concrete_function(
        tf.TensorSpec((1, *network.input_shape[1:]), tf.float32, "pixels")
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([signature], one_pass)
    return bytes(converter.convert())


class OnePass(tf.Module):  # type: ignore[misc]
    """The network as one function of a slice, with its Grad-CAM in closed form."""

    def __init__(self, network: keras.Sequential, calibration: Platt | Temperature, embedded: Sequence[str]) -> None:
        super().__init__()
        self._variables = [variable.value for variable in network.variables]  # where the converter looks for weights
        names = [layer.name for layer in network.layers]
        convolution, hidden = names.index(LAST_CONVOLUTION), names.index(HIDDEN_LAYER)
        self._to_convolution = network.layers[: convolution + 1]
        self._to_hidden = network.layers[convolution + 1 : hidden + 1]
        self._embedded = set(embedded) or {x.name for x in network.layers if isinstance(x, keras.layers.Conv2D)}
        channels = network.get_layer(LAST_CONVOLUTION).output.shape[-1]
        hidden_kernel = network.get_layer(HIDDEN_LAYER).kernel.numpy()
        kernel, bias = (variable.numpy() for variable in network.layers[-1].weights)
        self._position_sums = tf.constant(hidden_kernel.reshape(-1, channels, hidden_kernel.shape[1]).sum(axis=0))
        self._out_kernel, self._out_bias = tf.constant(kernel), tf.constant(bias)
        self._calibration = calibration

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def answer(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        means, activation = [], pixels
        for layer in self._to_convolution:
            activation = layer(activation)
            if layer.name in self._embedded:
                means.append(tf.reduce_mean(activation, axis=(1, 2)))
        hidden = _through(self._to_hidden, activation)
        logits = tf.matmul(hidden, self._out_kernel) + self._out_bias
        gradient = tf.where(hidden > 0, tf.ones_like(hidden), 0.0)[0, :, None] * self._out_kernel  # (e, k)
        area = activation.shape[1] * activation.shape[2]
        channel_weights = tf.matmul(self._position_sums, gradient) / area  # (channels, k)
        evidence = tf.einsum("bhwc,ck->bhwk", activation, channel_weights)
        return {
            "probabilities": self._probabilities(logits),
            "embedding": tf.sqrt(tf.concat(means, axis=-1)),
            "heatmaps": tf.nn.relu(for_each_label(evidence)),
        }

    def _probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        if isinstance(self._calibration, Temperature):
            return tf.nn.softmax(logits / self._calibration.temperature)
        positive = tf.sigmoid(self._calibration.slope * logits + self._calibration.intercept)
        return tf.concat([positive, 1.0 - positive], axis=-1)


def for_each_label(evidence: tf.Tensor) -> tf.Tensor:
    """Return evidence by label, (..., k): what speaks for one of two labels speaks against the other."""
    return tf.concat([evidence, -evidence], axis=-1) if evidence.shape[-1] == 1 else evidence


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

    def __str__(self) -> str:
        return (
            f"probabilities within {self.probability_difference:.1e} of Keras, "
            f"heatmaps correlate at {self.heatmap_correlation:.6f}"
        )


def prove(
    network: keras.Sequential, calibration: Platt | Temperature, graph: bytes, inputs: Iterable[NDArray[np.uint8]]
) -> Parity:
    """Compare the served graph with Keras on inputs, each (side, side). Raises ArtifactError if they do not agree."""
    served = Graph(graph)
    differences, correlations = [0.0], [1.0]
    for pixels in inputs:
        output = served.run(pixels)
        probabilities, evidence = keras_answer(network, calibration, pixels[None, :, :, None].astype(np.float32))
        differences.append(float(np.abs(probabilities - output.probabilities).max()))
        for ours, theirs in zip(np.moveaxis(output.heatmaps, -1, 0), np.moveaxis(evidence, -1, 0), strict=True):
            positive = np.maximum(theirs, 0)
            if positive.std() > FLAT:
                correlations.append(float(np.corrcoef(ours.ravel(), positive.ravel())[0, 1]))
    parity = Parity(max(differences), min(correlations))
    if not parity.holds:
        raise ArtifactError(f"The served graph does not agree with Keras, do not ship it: {parity}")
    return parity


def keras_answer(
    network: keras.Sequential, calibration: Platt | Temperature, pixels: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return Keras' calibrated probabilities, (k,), and its Grad-CAM evidence, (h, w, k), by automatic differentiation.

    Independent of the closed form on purpose: this is what the served graph is proved against.
    """
    names = [layer.name for layer in network.layers]
    convolution = names.index(LAST_CONVOLUTION)
    activation = _through(network.layers[: convolution + 1], tf.constant(pixels))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(activation)
        hidden = _through(network.layers[convolution + 1 : -1], activation)
        kernel, bias = network.layers[-1].weights
        logits = tf.unstack(tf.matmul(hidden, kernel)[0] + bias)
    gradients = [tf.reduce_mean(tape.gradient(logit, activation), axis=(1, 2), keepdims=True) for logit in logits]
    maps = [tf.reduce_sum(gradient * activation, axis=-1) for gradient in gradients]
    evidence = for_each_label(tf.stack(maps, axis=-1))[0].numpy()
    return calibration.probabilities(np.array([float(logit) for logit in logits])), evidence


def logits(network: keras.Sequential, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logits of the network's last layer, (n, 1) or (n, k), for inputs (n, side, side, 1), 0..255."""
    answered = np.clip(network.predict(inputs, verbose=0).astype(np.float64), 1e-7, 1 - 1e-7)
    # A softmax' logits are known up to a constant that no probability depends on.
    return np.asarray(np.log(answered / (1 - answered)) if answered.shape[1] == 1 else np.log(answered), np.float64)


def served_probabilities(graph: bytes, inputs: Iterable[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Return the calibrated probabilities, (n, k), that the served graph answers for inputs, each (side, side)."""
    served = Graph(graph)
    return np.array([served.run(pixels).probabilities for pixels in inputs], np.float64)
