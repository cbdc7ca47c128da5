"""A network's weights as a file, rounded to what float16 holds: half the space changes nothing then."""

from pathlib import Path

import keras
import numpy as np


def round_weights(network: keras.Model) -> None:
    """Round all weights to what float16 can hold, so that keeping them in half the space changes no answer."""
    network.set_weights([weight.astype(np.float16).astype(np.float32) for weight in network.get_weights()])


def round_and_write_weights(network: keras.Model, run: Path) -> Path:
    """Round a trained network's weights, write them into the folder of its run, and return the file."""
    round_weights(network)
    write_weights(network, run / "weights.npz")
    return run / "weights.npz"


def write_weights(network: keras.Model, path: Path) -> None:
    """Write rounded weights as float16 arrays, in the network's order."""
    arrays = {f"{i:03d}": weight.astype(np.float16) for i, weight in enumerate(network.get_weights())}
    np.savez_compressed(path, **arrays)


def read_weights(network: keras.Model, path: Path) -> None:
    """Set a network's weights from `write_weights`. Raises OSError if there are none, ValueError if they do not fit."""
    with np.load(path, allow_pickle=False) as arrays:
        network.set_weights([arrays[name].astype(np.float32) for name in sorted(arrays.files)])
