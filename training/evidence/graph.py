"""From the trained network to the served graphs: one LiteRT pass that answers all that a module needs.

The heatmaps are the evidence itself, as the probability 0..1 of a lesion in each cell. The embedding is the square
root of the mean activation of every channel that ends a level on the way down; the root evens out the variance of
means that are often near 0. The measure is the probability that the picture is no brain MRI. Weights are kept as int8
(dynamic range quantisation), which makes the graph less than half as expensive; `prove` says what that changes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from imip.errors import ArtifactError
from imip.inference.runtime import Graph
from training.calibration import Platt, Temperature
from training.evidence.network import EVIDENCE, FOREIGN, SCAN, TYPE
from training.evidence.shapes import SIDE

PROBABILITY_TOLERANCE: Final = 0.15  # of one scan; int8 weights move a probability in the middle by some hundredths
MEAN_TOLERANCE: Final = 0.01  # of all scans
MAP_CORRELATION: Final = 0.99  # median over scans with any evidence
SOME_EVIDENCE: Final = 0.1


class OnePass(tf.Module):  # type: ignore[misc]
    """The network as one function of a slice, for one of the modules."""

    def __init__(self, network: keras.Model, platt: Platt, temperature: Temperature | None) -> None:
        super().__init__()
        self._variables = [variable.value for variable in network.variables]  # where the converter looks for weights
        inner = [network.get_layer(name).output for name in ("type_map", "means")]
        outputs = [network.output[name] for name in (EVIDENCE, SCAN, TYPE, FOREIGN)]
        self._network = keras.Model(network.input, [*outputs, *inner])
        self._platt, self._temperature = platt, temperature

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def answer(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        evidence, scan, kind, foreign, kinds, means = self._network(pixels, training=False)
        tumor = tf.sigmoid(self._platt.slope * scan + self._platt.intercept)
        found = tf.sigmoid(evidence)
        if self._temperature is None:
            probabilities = tf.concat([tumor, 1.0 - tumor], axis=-1)
            heatmaps = tf.concat([found, found], axis=-1)
        else:
            scaled = tf.nn.softmax(kind / self._temperature.temperature)
            probabilities = tf.concat([1.0 - tumor, tumor * scaled], axis=-1)
            heatmaps = tf.concat([found, found * tf.nn.softmax(kinds)], axis=-1)
        return {
            "probabilities": probabilities,
            "embedding": tf.sqrt(means),
            "heatmaps": heatmaps,
            "measures": tf.sigmoid(foreign),
        }


def to_litert(one_pass: OnePass) -> bytes:
    """Compile the pass: `pixels` (1, SIDE, SIDE, 1) float32, 0..255, to what `OnePass.answer` returns."""
    signature = one_pass.answer.get_concrete_function(tf.TensorSpec((1, SIDE, SIDE, 1), tf.float32, "pixels"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([signature], one_pass)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return bytes(converter.convert())


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the served graph is from Keras over some scans."""

    mean_difference: float  # of probabilities
    largest_difference: float
    map_correlation: float  # median

    @property
    def holds(self) -> bool:
        return (
            self.mean_difference <= MEAN_TOLERANCE
            and self.largest_difference <= PROBABILITY_TOLERANCE
            and self.map_correlation >= MAP_CORRELATION
        )

    def __str__(self) -> str:
        return (
            f"probabilities differ from Keras by {self.mean_difference:.1e} in the mean and "
            f"{self.largest_difference:.1e} at most, evidence correlates at {self.map_correlation:.4f} in the median"
        )


def prove(one_pass: OnePass, graph: bytes, inputs: Iterable[NDArray[np.uint8]]) -> Parity:
    """Compare the served graph with Keras on inputs, each (SIDE, SIDE). Raises ArtifactError if they do not agree."""
    served = Graph(graph)
    differences, correlations = [], [1.0]
    for pixels in inputs:
        ours = served.run(pixels)
        theirs = one_pass.answer(tf.constant(pixels[None, :, :, None], tf.float32))
        differences.append(float(np.abs(ours.probabilities - theirs["probabilities"].numpy()[0]).max()))
        expected = theirs["heatmaps"].numpy()[0, :, :, 0]
        if expected.max() > SOME_EVIDENCE:
            correlations.append(float(np.corrcoef(ours.heatmaps[:, :, 0].ravel(), expected.ravel())[0, 1]))
    parity = Parity(float(np.mean(differences)), max(differences), float(np.median(correlations)))
    if not parity.holds:
        raise ArtifactError(f"The served graph does not agree with Keras, do not ship it: {parity}")
    return parity
