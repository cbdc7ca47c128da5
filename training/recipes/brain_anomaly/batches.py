"""What the autoencoder of `brain-anomaly` is trained on: slices without a tumor, slightly changed and made noisy.

Half of each batch gets coarse noise, which the network must remove: so it draws towards what it knows instead of
copying (Kascenas et al., Denoising autoencoders for unsupervised anomaly detection in brain MRI, MIDL 2022).
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from imip.inference.head import crop_to_head
from training.data.batches import Batch, SeededBatches, as_inputs
from training.networks.autoencoder import SIDE, standardise

TURN: Final = 6.0  # degrees, standard deviation
GAMMA: Final = 0.15  # of the logarithm, standard deviation
COARSE: Final = 16  # cells a side of the noise
NOISE: Final = 0.15  # its standard deviation
NOISY: Final = 0.5  # share of slices that get it

Slice = NDArray[np.uint8]


class NoisyBatches(SeededBatches):
    """Slightly changed slices, noisy as input and clean as target, each (n, SIDE, SIDE, 1); drawn by their weights."""

    def __init__(self, slices: Sequence[Slice], weights: NDArray[np.float64], batch_size: int, seed: int) -> None:
        super().__init__(len(slices), batch_size, seed, chances=weights / weights.sum())
        self.slices = slices

    def __getitem__(self, number: int) -> Batch:
        rng = np.random.default_rng((self.seed, self.epoch, number))
        clean = standardised([vary(self.slices[index], rng) for index in self.samples(number)])
        return corrupt(clean, rng), clean


def vary(pixels: Slice, rng: np.random.Generator) -> Slice:
    """Return a slice mirrored or not, a little turned and of other contrast, cut to the head: (SIDE, SIDE) uint8."""
    height, width = pixels.shape
    mirrored = np.ascontiguousarray(pixels[:, ::-1] if rng.random() < 0.5 else pixels)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, TURN), 1.0)
    model_input = crop_to_head(np.asarray(cv2.warpAffine(mirrored, turn, (width, height)), np.uint8), SIDE).pixels
    curve = 255 * (np.arange(256) / 255) ** np.exp(rng.normal(0, GAMMA))
    return np.asarray(cv2.LUT(model_input, np.round(curve).astype(np.uint8)), np.uint8)


def standardised(model_inputs: Sequence[Slice]) -> NDArray[np.float32]:
    """Return model inputs, each (SIDE, SIDE), at one brightness and contrast, (n, SIDE, SIDE, 1) 0..1."""
    return np.asarray(standardise(tf.constant(as_inputs(model_inputs)))[0])


def corrupt(clean: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Add coarse noise to the heads of some slices, (n, SIDE, SIDE, 1) 0..1."""
    noisy = clean.copy()
    for image in noisy:
        if rng.random() < NOISY:
            coarse = rng.normal(0, NOISE, (COARSE, COARSE)).astype(np.float32)
            noise = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)[..., None]
            image[:] = np.clip(image + noise * (image > 0), 0, 1)
    return noisy
