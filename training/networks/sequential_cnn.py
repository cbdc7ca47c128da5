"""The network of the default recipe and how it is fitted: for a square picture of any size and any number of labels."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from training.augmentation.jitter import jitter
from training.data.balance import class_weights
from training.data.batches import Batch, as_inputs
from training.export.litert import HIDDEN_LAYER, LAST_CONVOLUTION
from training.loop import Journal, schedule

FINEST: Final = 7  # positions a side that the last convolution has at least, so that a heatmap can point
FILTERS: Final = (32, 64, 128)  # of the blocks; further ones have as many as the last of these
HIDDEN: Final = 64  # units of the dense layer
EPOCHS: Final = 40
PATIENCE: Final = 12  # epochs without a better validation loss
PEAK_RATE: Final = 1e-3
WEIGHT_DECAY: Final = 1e-4
BATCH: Final = 32
SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures as the module cuts them, and which of its labels each has."""

    inputs: NDArray[np.uint8]  # (n, side, side)
    labels: NDArray[np.int64]  # (n,) index


@keras.saving.register_keras_serializable("imip")
class Standardization(layers.Layer):  # type: ignore[misc]
    """Shift and scale each picture to mean 0 and deviation 1, so that exposure tells nothing; a flat one becomes 0.

    Normalisation is a layer so that it is exported with the graph. (n, H, W, 1), any range, to the same shape.
    """

    def call(self, inputs):  # type: ignore[no-untyped-def]
        mean = ops.mean(inputs, axis=(1, 2, 3), keepdims=True)
        variance = ops.mean(ops.square(inputs - mean), axis=(1, 2, 3), keepdims=True)
        return (inputs - mean) / ops.sqrt(variance + 1.0)


def build(side: int, outputs: int) -> keras.Sequential:
    """Return the untrained network for (side, side, 1), 0..255: one sigmoid if `outputs` is 1, else a softmax.

    Blocks of two convolutions, each half as fine as the one before; the mean of each channel; a dense layer.
    """
    network = keras.Sequential([keras.Input((side, side, 1)), Standardization(name="standardize")])
    blocks = len(ends(side))
    for number in range(1, blocks + 1):
        filters = FILTERS[min(number, len(FILTERS)) - 1]
        network.add(_convolution(filters, f"convolution_{number}"))
        network.add(_convolution(filters, ends(side)[number - 1]))
        if number < blocks:
            network.add(layers.MaxPooling2D(2, name=f"pool_{number}"))
    network.add(layers.GlobalAveragePooling2D(name="mean"))
    network.add(layers.Dropout(0.4, name="dropout_1"))
    network.add(layers.Dense(HIDDEN, activation="relu", kernel_initializer="he_normal", name=HIDDEN_LAYER))
    network.add(layers.Dropout(0.3, name="dropout_2"))
    network.add(layers.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax", name="probabilities"))
    return network


def ends(side: int) -> list[str]:
    """Return the names of the convolutions that end a block, whose means make the embedding."""
    blocks = 1 + max(0, int(math.log2(side / FINEST)))
    return [*(f"convolution_{number}_end" for number in range(1, blocks)), LAST_CONVOLUTION]


def _convolution(filters: int, name: str) -> layers.Layer:
    return layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=name)


def fit(
    network: keras.Sequential, train: Labelled, validation: Labelled, run: Path, epochs: int = EPOCHS
) -> keras.Sequential:
    """Train until validation stops improving and return the best epoch's network.

    `run` keeps `last.keras`, `best.keras` and `epochs.csv`; calling again with the same folder resumes. The
    validation loss is taken over each picture twice, as it is and jittered once.
    """
    run.mkdir(parents=True, exist_ok=True)
    journal = Journal(run, PATIENCE)
    if journal.epochs_done and (run / "last.keras").exists():
        network = keras.saving.load_model(run / "last.keras")
    else:
        keras.utils.set_random_seed(SEED)
        network.compile(
            keras.optimizers.AdamW(
                schedule(PEAK_RATE, epochs, math.ceil(len(train.labels) / BATCH)),
                weight_decay=WEIGHT_DECAY,
                clipnorm=1.0,
            ),
            loss="binary_crossentropy" if network.output_shape[-1] == 1 else "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
    if not journal.stopped and journal.epochs_done < epochs:
        outputs = network.output_shape[-1]
        network.fit(
            JitteredBatches(train, outputs, epoch=journal.epochs_done),
            validation_data=_twice(validation, outputs),
            initial_epoch=journal.epochs_done,
            epochs=epochs,
            callbacks=[journal],
            verbose=2,
        )
    return keras.saving.load_model(run / "best.keras")


class JitteredBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, jittered, class-weighted batches, seeded per epoch and picture, so that a resumed run sees the same."""

    def __init__(self, labelled: Labelled, outputs: int, epoch: int = 0) -> None:
        super().__init__()
        self.labelled, self.outputs, self.epoch = labelled, outputs, epoch
        self.class_weights = class_weights(labelled.labels)
        self._shuffle()

    def __len__(self) -> int:
        return math.ceil(len(self.order) / BATCH)

    def __getitem__(self, number: int) -> Batch:
        chosen = self.order[number * BATCH : (number + 1) * BATCH]
        labels = self.labelled.labels[chosen]
        pictures = [jitter(self.labelled.inputs[i], np.random.default_rng((SEED, self.epoch, int(i)))) for i in chosen]
        return as_inputs(pictures), _targets(labels, self.outputs), self.class_weights[labels]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng((SEED, self.epoch)).permutation(len(self.labelled.labels))


def _targets(labels: NDArray[np.int64], outputs: int) -> NDArray[np.float32]:
    """Return what the network should answer: 1 for the first of two labels, (n, 1), or the index, (n,)."""
    return (labels == 0).astype(np.float32)[:, None] if outputs == 1 else labels.astype(np.float32)


def _twice(validation: Labelled, outputs: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    jittered = [jitter(picture, np.random.default_rng((SEED, i))) for i, picture in enumerate(validation.inputs)]
    return as_inputs([*validation.inputs, *jittered]), _targets(np.tile(validation.labels, 2), outputs)
