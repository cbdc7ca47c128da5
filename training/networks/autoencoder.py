"""A convolutional autoencoder of brain slices, and how it is trained: it learns to redraw what it has seen, no more.

Its own room because reconstruction has nothing of a classifier: no labels, its own batches, its own loss. Slices are
brought to one scale of tissue brightness first. While it learns, half of each batch gets coarse noise, which it must
take away again, so that it draws towards what it knows instead of copying (Kascenas et al., Denoising autoencoders for
unsupervised anomaly detection in brain MRI, MIDL 2022). Near-duplicates count together as one slice.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from imip.inference.head import crop_to_head
from training.loop import Journal, schedule

SIDE = 64  # pixels of its input
FILTERS = (32, 64, 64)  # of the convolutions; each is followed by a halving
NARROW = 16  # channels on both sides of the bottleneck
LATENT = 128  # numbers of the bottleneck
LATENT_LAYER = "latent"
LEAK = 0.1

AIR_RATIO = 0.08  # of the brightest pixel; darker pixels do not count as tissue
MIDDLE, SPREAD = 0.45, 0.15  # where the mean of the tissue goes, and one standard deviation; the range is 0..1

EPOCHS = 80
BATCH = 32
PEAK_RATE = 2e-3
PATIENCE = 15  # epochs without a better validation loss
SEED = 7
TURN = 6.0  # degrees, standard deviation
GAMMA = 0.15  # of the logarithm, standard deviation
COARSE = 16  # cells a side of the noise
NOISE = 0.15  # its standard deviation
NOISY = 0.5  # share of slices that get it

Slice = NDArray[np.uint8]


def build() -> keras.Sequential:
    """Return the untrained network, (n, SIDE, SIDE, 1) to the same, both 0..1."""
    network = keras.Sequential([keras.Input((SIDE, SIDE, 1))])
    for number, filters in enumerate(FILTERS, start=1):
        _convolve(network, layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"encoder_{number}"))
        network.add(layers.MaxPooling2D(2, name=f"pool_{number}"))
    _convolve(network, layers.Conv2D(NARROW, 1, use_bias=False, name="narrow"))
    inner = network.output_shape[1]
    network.add(layers.Flatten(name="flatten"))
    network.add(layers.Dense(LATENT, name=LATENT_LAYER))
    network.add(layers.Dense(inner * inner * NARROW, name="widen"))
    network.add(layers.Reshape((inner, inner, NARROW), name="reshape"))
    for number, filters in enumerate(reversed(FILTERS), start=1):
        transposed = layers.Conv2DTranspose(
            filters, 3, strides=2, padding="same", use_bias=False, name=f"decoder_{number}"
        )
        _convolve(network, transposed)
    network.add(layers.Conv2D(1, 3, padding="same", activation="sigmoid", name="reconstruction"))
    return network


def _convolve(network: keras.Sequential, layer: keras.Layer) -> None:
    network.add(layer)
    network.add(layers.BatchNormalization(momentum=0.9, name=f"{layer.name}_normalised"))
    network.add(layers.LeakyReLU(negative_slope=LEAK, name=f"{layer.name}_activated"))


def standardise(pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return slices, (n, H, W, 1) 0..255, at one brightness and contrast, 0..1, and their tissue, 0 or 1.

    Air becomes 0. What lies beyond three deviations of the tissue's mean is cut.
    """
    tissue = tf.cast(pixels > AIR_RATIO * tf.reduce_max(pixels, axis=(1, 2, 3), keepdims=True), tf.float32)
    area = tf.reduce_sum(tissue, axis=(1, 2, 3), keepdims=True) + 1.0
    mean = tf.reduce_sum(pixels * tissue, axis=(1, 2, 3), keepdims=True) / area
    variance = tf.reduce_sum(tf.square(pixels - mean) * tissue, axis=(1, 2, 3), keepdims=True) / area
    scaled = MIDDLE + SPREAD * (pixels - mean) / tf.sqrt(variance + 1.0)
    return tissue * tf.clip_by_value(scaled, 0.0, 1.0), tissue


def redraw(network: keras.Sequential, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return of standardised slices, (n, SIDE, SIDE, 1), their reconstruction, latent vectors and looks.

    The reconstruction has the same shape, the latent vectors (n, LATENT). The looks, (n, channels), say how strongly
    each channel of the encoder is active: unlike the bottleneck they keep what is not worth redrawing, such as noise.
    """
    latent, looks = None, []
    for layer in network.layers:
        image = layer(image, training=False) if isinstance(layer, layers.BatchNormalization) else layer(image)
        if layer.name == LATENT_LAYER:
            latent = image
        elif layer.name.startswith("encoder") and isinstance(layer, layers.LeakyReLU):
            looks.append(tf.sqrt(tf.reduce_mean(tf.abs(image), axis=(1, 2))))
    return image, latent, tf.concat(looks, axis=-1)


def fit(
    train: Sequence[Slice], weights: NDArray[np.float64], validation: Sequence[Slice], run: Path, epochs: int = EPOCHS
) -> keras.Sequential:
    """Train on slices of any size, drawn by their weights, (n,); return the network of the best epoch.

    `validation` holds slices without a tumor too. `run` keeps `last.keras`, `best.keras` and `epochs.csv`; calling
    again with the same folder resumes.
    """
    run.mkdir(parents=True, exist_ok=True)
    journal = Journal(run, PATIENCE)
    if journal.epochs_done and (run / "last.keras").exists():
        network = keras.saving.load_model(run / "last.keras")
    else:
        keras.utils.set_random_seed(SEED)
        network = build()
        rate = schedule(PEAK_RATE, epochs, len(train) // BATCH)
        network.compile(keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0), loss="mse")
    if not journal.stopped and journal.epochs_done < epochs:
        image = _standardised([crop_to_head(pixels, SIDE).pixels for pixels in validation])
        network.fit(
            Batches(train, weights, epoch=journal.epochs_done),
            validation_data=(image, image),
            initial_epoch=journal.epochs_done,
            epochs=epochs,
            callbacks=[journal],
            verbose=2,
        )
    return keras.saving.load_model(run / "best.keras")


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Slightly changed slices, noisy and clean, each (BATCH, SIDE, SIDE, 1); the epoch alone decides which."""

    def __init__(self, slices: Sequence[Slice], weights: NDArray[np.float64], epoch: int = 0) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.slices, self.chances, self.epoch = slices, weights / weights.sum(), epoch
        self._draw()

    def __len__(self) -> int:
        return max(1, len(self.slices) // BATCH)

    def __getitem__(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rng = np.random.default_rng((SEED, self.epoch, number))
        chosen = self.order[number * BATCH : (number + 1) * BATCH]
        clean = _standardised([vary(self.slices[index], rng) for index in chosen])
        return _corrupt(clean, rng), clean

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._draw()

    def _draw(self) -> None:
        rng = np.random.default_rng((SEED, self.epoch))
        self.order = rng.choice(len(self.slices), len(self) * BATCH, p=self.chances)


def vary(pixels: Slice, rng: np.random.Generator) -> Slice:
    """Return a slice mirrored or not, a little turned and of other contrast, cut to the head: (SIDE, SIDE) uint8."""
    height, width = pixels.shape
    mirrored = np.ascontiguousarray(pixels[:, ::-1] if rng.random() < 0.5 else pixels)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, TURN), 1.0)
    model_input = crop_to_head(np.asarray(cv2.warpAffine(mirrored, turn, (width, height)), np.uint8), SIDE).pixels
    curve = 255 * (np.arange(256) / 255) ** np.exp(rng.normal(0, GAMMA))
    return np.asarray(cv2.LUT(model_input, np.round(curve).astype(np.uint8)), np.uint8)


def _standardised(model_input: Sequence[Slice]) -> NDArray[np.float32]:
    pixels = np.stack(model_input)[..., None].astype(np.float32)
    return np.asarray(standardise(tf.constant(pixels))[0])


def _corrupt(clean: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Add coarse noise to the heads of some slices, (n, SIDE, SIDE, 1) 0..1."""
    noisy = clean.copy()
    for image in noisy:
        if rng.random() < NOISY:
            coarse = rng.normal(0, NOISE, (COARSE, COARSE)).astype(np.float32)
            noise = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)[..., None]
            image[:] = np.clip(image + noise * (image > 0), 0, 1)
    return noisy
