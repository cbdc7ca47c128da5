"""MobileNetV2 (Sandler et al., CVPR 2018) at width 0.35, pretrained, and the proof that photographs trained it.

`python -m training.networks.mobilenet FILE` prints the proof for a file.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import h5py
import keras
import numpy as np
import skimage.data
from keras import ops
from numpy.typing import NDArray

SIDE: Final = 224  # pixels
WIDTH: Final = 0.35
INSIDE: Final = "model_weights/sequential_1"  # where Keras 2 exports of Teachable Machine keep the backbone
PHOTOS: Final = ("astronaut", "brick", "camera", "cat", "coffee", "coins", "grass", "gravel", "moon", "page", "rocket")
CUTS: Final = 4  # of each photo, none of which share a pixel

Pictures = NDArray[np.float32]  # (n, SIDE, SIDE, 3), -1..1


def untrained() -> keras.Model:
    """Return the network without its head, with random weights: pictures to (n, 7, 7, 1280)."""
    return keras.applications.MobileNetV2((SIDE, SIDE, 3), alpha=WIDTH, include_top=False, weights=None)


def pretrained(export: Path) -> keras.Model:
    """Return the network without its head, pretrained: from an export if there is one, else as Keras has ImageNet's.

    Raises what `read` raises.
    """
    if not export.exists():
        return keras.applications.MobileNetV2((SIDE, SIDE, 3), alpha=WIDTH, include_top=False, weights="imagenet")
    network = untrained()
    read(network, export)
    return network


def read(network: keras.Model, export: Path) -> None:
    """Set weights layer by layer from a Keras 2 export.

    Raises OSError if the file cannot be read, KeyError if it lacks a layer, ValueError if a weight does not fit.
    """
    with h5py.File(export) as file:
        for layer in network.layers:
            if layer.weights:
                kept = {name.removeprefix("depthwise_"): values for name, values in file[INSIDE][layer.name].items()}
                layer.set_weights([np.asarray(kept[f"{weight.name}:0"]) for weight in layer.weights])


def shuffle(network: keras.Model) -> None:
    """Put the values of each kernel into another order: the same values, but nothing that was learned."""
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            kernel = layer.kernel.numpy()
            layer.kernel.assign(rng.permutation(kernel.ravel()).reshape(kernel.shape))


def remembered(network: keras.Model, pictures: Pictures) -> float:
    """Return how well the means that the network kept of its training fit photos: near 1 if it was trained on such.

    Batch normalisation keeps the mean that each channel had in training. Per layer, that is correlated over channels
    with the mean that photos give; the median over layers is returned.
    """
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    arriving = keras.Model(network.input, [ops.mean(layer.input, axis=(1, 2)) for layer in layers])
    found = [means.mean(axis=0) for means in arriving.predict(pictures, batch_size=8, verbose=0)]
    kept = [layer.moving_mean.numpy() for layer in layers]
    return float(np.median([np.corrcoef(ours, theirs)[0, 1] for ours, theirs in zip(found, kept, strict=True)]))


def recognised(network: keras.Model, pictures: Pictures) -> float:
    """Return the share of cuts whose most similar other cut, by cosine of the mean features, is of the same photo."""
    features = network.predict(pictures, batch_size=8, verbose=0).mean(axis=(1, 2))
    features -= features.mean(axis=0)
    features /= np.linalg.norm(features, axis=1, keepdims=True) + 1e-9
    likeness = features @ features.T
    np.fill_diagonal(likeness, -np.inf)
    photo = np.arange(len(pictures)) // CUTS
    return float(np.mean(photo[likeness.argmax(axis=1)] == photo))


def photos() -> Pictures:
    """Return gray cuts of scikit-image's photos, CUTS of each in a row, brightness evened out."""
    return np.stack(list(_cuts()))


def _cuts() -> Iterator[NDArray[np.float32]]:
    for name in PHOTOS:
        picture = getattr(skimage.data, name)()
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
        height, width = (side // 2 for side in gray.shape)
        for top, left in ((0, 0), (0, width), (height, 0), (height, width)):
            cut = cv2.equalizeHist(gray[top : top + height, left : left + width])
            resized = cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR).astype(np.float32)
            yield np.repeat(resized[..., None] / 127.5 - 1, 3, axis=-1)


def main(export: Path) -> None:
    """Print the proof: both measures for the weights as they are, and for the same values in another order."""
    network, pictures = untrained(), photos()
    read(network, export)
    print(f"{len(network.weights)} arrays of {network.count_params()} weights fit their layers.")
    _print("as they are", network, pictures)
    shuffle(network)
    _print("each kernel's values in another order", network, pictures)


def _print(which: str, network: keras.Model, pictures: Pictures) -> None:
    print(
        f"Weights {which}: means kept by batch normalisation correlate with those of photos at "
        f"{remembered(network, pictures):.3f}; {recognised(network, pictures):.0%} of {len(pictures)} cuts are most "
        "like another cut of the same photo."
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
