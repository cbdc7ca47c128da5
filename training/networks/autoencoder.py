"""A convolutional autoencoder: it learns to redraw slices like those it has seen, and no others.

Slices are brought to one scale of tissue brightness first.
"""

from typing import Final

import keras
import tensorflow as tf
from keras import layers

from training.networks.normalization import FusedBatchNormalization

SIDE: Final = 64  # pixels of its input
FILTERS: Final = (32, 64, 64)  # of the convolutions; each is followed by a halving
NARROW: Final = 16  # channels on both sides of the bottleneck
LATENT: Final = 128  # numbers of the bottleneck
LATENT_LAYER: Final = "latent"
LEAK: Final = 0.1

AIR_RATIO: Final = 0.08  # of the brightest pixel; darker pixels do not count as tissue
MIDDLE: Final = 0.45  # where the mean of the tissue goes; the range is 0..1
SPREAD: Final = 0.15  # of one standard deviation


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
    network.add(FusedBatchNormalization(momentum=0.9, name=f"{layer.name}_normalised"))
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
    """Return of standardised slices, (n, SIDE, SIDE, 1), their reconstruction, latent vectors and embedding.

    The reconstruction has the same shape, the latent vectors (n, LATENT). The embedding, (n, channels), says how
    strongly each channel of the encoder is active: unlike the bottleneck it keeps what is not redrawn, such as noise.
    """
    latent, activity = None, []
    for layer in network.layers:
        image = layer(image, training=False) if isinstance(layer, layers.BatchNormalization) else layer(image)
        if layer.name == LATENT_LAYER:
            latent = image
        elif layer.name.startswith("encoder") and isinstance(layer, layers.LeakyReLU):
            activity.append(tf.sqrt(tf.reduce_mean(tf.abs(image), axis=(1, 2))))
    return image, latent, tf.concat(activity, axis=-1)
