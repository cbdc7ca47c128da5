"""How unlike slices without a tumor a slice is: two measures, their mean as the score, and all of it as one graph.

The autoencoder only redraws; which errors are usual is learned here, afterwards, from the same slices. The measures,
both in standard deviations of the training slices:

- reconstruction error: how far the largest errors inside the head exceed the slice's own mean error, each error
  relative to what is usual at its place. Relative to its own mean, as a sharp or grainy slice is harder to redraw
  everywhere without being any less normal;
- latent distance: Mahalanobis' from the centre of the latent vectors, covariance shrunk (Ledoit & Wolf 2004).

Both are taken as logarithms first, which makes their distributions nearly symmetric.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from imip.errors import ArtifactError
from imip.inference.runtime import Graph
from training.calibration import Platt
from training.networks.autoencoder import SIDE, redraw, standardise

BLUR = 2.0  # pixels, standard deviation: a lesion's error is a patch, an edge's is a line
CLOSED = 3  # pixels over which gaps in the tissue are closed
RIND = 4  # pixels of the head's edge that are left out: scalp and skull are never redrawn well
FOCUS = 0.02  # of the input's pixels, those with the largest errors
FLOOR = 0.3  # of the mean usual error, added to it everywhere
TINY = 1e-6
DRAWS = 4000  # slices that the covariance is taken over, drawn by weight
AT_ONCE = 64  # slices
TOLERANCE = 1e-3  # of probabilities and of measures, relative to 1


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of a measure over the training slices."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Normality:
    """What is usual among slices without a tumor."""

    error: NDArray[np.float32]  # (SIDE, SIDE, 1) by place
    centre: NDArray[np.float32]  # (d,) of the latent vectors
    precision: NDArray[np.float32]  # (d, d) inverse of their covariance
    scales: tuple[Scale, Scale]  # of the two measures


def learn(network: keras.Sequential, inputs: NDArray[np.float32], weights: NDArray[np.float64]) -> Normality:
    """Learn what is usual from training slices, (n, SIDE, SIDE, 1) 0..255, each weighted, (n,)."""
    share = weights / weights.sum()
    parts = (inputs[start : start + AT_ONCE] for start in range(0, len(inputs), AT_ONCE))
    seen = [_reconstruct(network, tf.constant(part)) for part in parts]
    error, inside, latent = (np.concatenate([part[number].numpy() for part in seen]) for number in range(3))
    usual = np.sqrt(np.tensordot(share, np.square(error), 1))
    usual = (usual + usual[:, ::-1]) / 2  # heads are as usual mirrored
    usual = np.asarray(usual + FLOOR * usual.mean(), np.float32)
    drawn = latent[np.random.default_rng(0).choice(len(latent), DRAWS, p=share)]
    fitted = LedoitWolf().fit(drawn)
    centre, precision = fitted.location_.astype(np.float32), fitted.precision_.astype(np.float32)
    raw = _prominence(error / usual * inside, inside), _distance(latent, centre, precision)
    return Normality(usual, centre, precision, (_scale(raw[0].numpy(), share), _scale(raw[1].numpy(), share)))


def _scale(values: NDArray[np.float32], share: NDArray[np.float64]) -> Scale:
    mean = float(share @ values)
    return Scale(mean, float(np.sqrt(share @ np.square(values - mean))))


def measure(network: keras.Sequential, normality: Normality, pixels: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return measures (n, 2), error maps (n, SIDE, SIDE, 1) and embeddings (n, d) of slices, (n, SIDE, SIDE, 1)."""
    error, inside, latent, embedding = _reconstruct(network, pixels)
    unusual = error / normality.error * inside
    raw = _prominence(unusual, inside), _distance(latent, normality.centre, normality.precision)
    scaled = [(values - scale.mean) / scale.deviation for values, scale in zip(raw, normality.scales, strict=True)]
    return tf.stack(scaled, axis=-1), unusual, embedding


def scores(network: keras.Sequential, normality: Normality, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the scores of slices, (n,): the mean of their two measures."""
    parts = [inputs[start : start + AT_ONCE] for start in range(0, len(inputs), AT_ONCE)]
    measured = np.concatenate([measure(network, normality, tf.constant(part))[0].numpy() for part in parts])
    return np.asarray(measured.mean(axis=1), np.float64)


def _reconstruct(network: keras.Sequential, pixels: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return the smoothed absolute error, where the inside of the head is (0 or 1), latent vectors and embedding."""
    image, tissue = standardise(pixels)
    drawn, latent, embedding = redraw(network, image)
    error = tf.nn.conv2d(tf.abs(image - drawn) * tissue, _gaussian(), 1, "SAME")
    return error, _inside(tissue), latent, embedding


def _gaussian() -> NDArray[np.float32]:
    reach = np.arange(-int(3 * BLUR), int(3 * BLUR) + 1)
    bell = np.exp(-0.5 * np.square(reach / BLUR))
    kernel = np.outer(bell, bell) / np.square(bell.sum())
    return np.asarray(kernel[:, :, None, None], np.float32)


def _inside(tissue: tf.Tensor) -> tf.Tensor:
    """Return the head without its rind: tissue with its gaps closed, then eroded."""
    closed = tf.nn.max_pool2d(tissue, 2 * CLOSED + 1, 1, "SAME")
    margin = CLOSED + RIND
    around = tf.pad(closed, [[0, 0], [margin, margin], [margin, margin], [0, 0]])
    return -tf.nn.max_pool2d(-around, 2 * margin + 1, 1, "VALID")


def _prominence(unusual: tf.Tensor, inside: tf.Tensor) -> tf.Tensor:
    """Return by how much the largest errors exceed the mean error inside the head, (n,), as a logarithm."""
    count = round(FOCUS * SIDE * SIDE)
    largest = tf.math.top_k(tf.reshape(unusual, (-1, SIDE * SIDE)), count).values
    area = tf.maximum(tf.reduce_sum(inside, axis=(1, 2, 3)), float(count))
    mean = tf.reduce_sum(unusual, axis=(1, 2, 3)) / area
    return tf.math.log(tf.reduce_mean(largest, axis=-1) + TINY) - tf.math.log(mean + TINY)


def _distance(latent: tf.Tensor, centre: NDArray[np.float32], precision: NDArray[np.float32]) -> tf.Tensor:
    """Return the squared Mahalanobis distance, (n,), as a logarithm."""
    away = latent - centre
    return tf.math.log(tf.reduce_sum(tf.matmul(away, precision) * away, axis=-1) + TINY)


class OnePass(tf.Module):  # type: ignore[misc]
    """Autoencoder, measures, calibration and error map as one function of a slice."""

    def __init__(self, network: keras.Sequential, normality: Normality, platt: Platt) -> None:
        super().__init__()
        self._variables = [variable.value for variable in network.variables]  # where the converter looks for weights
        self._network, self._normality, self._platt = network, normality, platt

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def answer(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        measures, unusual, embedding = measure(self._network, self._normality, pixels)
        score = tf.reduce_mean(measures, axis=-1, keepdims=True)
        anomaly = tf.sigmoid(self._platt.slope * score + self._platt.intercept)
        return {
            "probabilities": tf.concat([anomaly, 1.0 - anomaly], axis=-1),
            "embedding": embedding,
            "heatmaps": tf.concat([unusual, unusual], axis=-1),  # what is unusual explains either label
            "measures": measures,
        }


def to_litert(network: keras.Sequential, normality: Normality, platt: Platt) -> bytes:
    """Compile the graph: `pixels` (1, SIDE, SIDE, 1) float32, 0..255, to what `OnePass.answer` returns."""
    one_pass = OnePass(network, normality, platt)
    signature = one_pass.answer.get_concrete_function(tf.TensorSpec((1, SIDE, SIDE, 1), tf.float32, "pixels"))
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([signature], one_pass).convert())


def prove(
    network: keras.Sequential, normality: Normality, platt: Platt, graph: bytes, inputs: Iterable[NDArray[np.uint8]]
) -> str:
    """Compare the served graph with TensorFlow on inputs, each (SIDE, SIDE); return how far apart they are at most.

    Raises ArtifactError if that is more than TOLERANCE.
    """
    served, trained = Graph(graph), OnePass(network, normality, platt)
    furthest = {"probabilities": 0.0, "measures": 0.0, "heatmaps": 0.0}
    for pixels in inputs:
        ours, theirs = served.run(pixels), trained.answer(tf.constant(pixels[None, :, :, None], tf.float32))
        for name in furthest:
            difference = np.abs(getattr(ours, name) - theirs[name].numpy()[0])
            furthest[name] = max(furthest[name], float(difference.max()))
    agreement = ", ".join(f"{name} within {value:.1e} of TensorFlow" for name, value in furthest.items())
    if max(furthest.values()) > TOLERANCE:
        raise ArtifactError(f"The served graph does not agree with what was trained, do not ship it: {agreement}")
    return agreement
