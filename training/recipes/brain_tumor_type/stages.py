"""How the network of `brain-tumor-type` is trained: the dense layers first, then the last convolutions as well.

Its own room for the one trick that makes this quick on a processor: what the frozen first part answers for several
changed versions of every slice is computed once and kept, and both stages run over that.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import tqdm

from imip.inference.head import crop_to_head
from training.augmentation.brain import augment, match_tones
from training.data.balance import class_weights
from training.data.batches import Batch, as_inputs
from training.data.samples import Sample
from training.loop import Journal, schedule
from training.networks.mobilenet import SIDE
from training.recipes.brain_tumor_type.network import frozen_part, trained_part

VERSIONS: Final = 8  # looks of each training slice that are kept; epochs take them in turn
TONED: Final = 0.3  # share of the changed looks that also get another slice's tones
BATCH: Final = 32
WEIGHT_DECAY: Final = 1e-4
SEED: Final = 7

Labelled = tuple[Sequence[Sample], NDArray[np.int64]]  # slices and the index of each one's label, (n,)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: how long, how fast, and whether convolutions learn too."""

    name: str
    epochs: int
    peak_rate: float
    tunes_convolutions: bool
    patience: int = 5  # epochs without a better validation loss


STAGES: Final = (
    Stage("head", epochs=3, peak_rate=2e-3, tunes_convolutions=False),
    Stage("convolutions", epochs=20, peak_rate=2e-4, tunes_convolutions=True),
)


def train(network: keras.Sequential, learned: Labelled, validation: Labelled, run: Path, epochs: int | None) -> None:
    """Train the network's last part on `learned` in `run`, or go on with it; `epochs`: at most, a stage.

    The validation loss that stops a stage is taken over each slice twice, as it is and changed once.
    """
    run.mkdir(parents=True, exist_ok=True)
    looks = keep(network, learned[0], range(1, VERSIONS + 1), run / "train.npy")
    twice = keep(network, validation[0], range(2), run / "validation.npy")
    judged = twice.reshape(-1, *twice.shape[2:]), np.tile(validation[1], 2)
    trained = trained_part(network)
    for stage in STAGES:
        shortened = min(epochs or stage.epochs, stage.epochs)
        trained = _fit(trained, KeptBatches(looks, learned[1]), judged, run / stage.name, stage, shortened)
    trained_part(network).set_weights(trained.get_weights())


def keep(network: keras.Sequential, samples: Sequence[Sample], looks: range, file: Path) -> NDArray[np.float16]:
    """Return what the frozen part answers for looks of each sample, (looks, n, h, w, channels), kept in a file.

    Look 0 is the slice as it is served. A call that was stopped goes on after the last look that it finished, and
    begins anew if the samples, the looks or the frozen weights are others.
    """
    frozen = frozen_part(network)
    answer = tf.function(lambda pixels: frozen(pixels, training=False), autograph=False)
    shape = (len(looks), len(samples), *frozen.output_shape[1:])
    finished = file.with_suffix(".finished")
    origin = _origin(frozen, samples, looks)
    begun, _, count = finished.read_text().partition(" ") if finished.exists() else ("", "", "")
    first = int(count) if begun == origin else 0
    mode = "r+" if first else "w+"
    kept: NDArray[np.float16] = np.lib.format.open_memmap(file, mode, np.float16, shape)  # type: ignore[no-untyped-call]
    for number in range(first, len(looks)):
        for start in tqdm(range(0, len(samples), BATCH), desc=f"{file.stem}, look {looks[number]}", unit="batch"):
            chosen = range(start, min(start + BATCH, len(samples)))
            slices = [see(samples, index, looks[number]) for index in chosen]
            kept[number, start : chosen.stop] = answer(tf.constant(as_inputs(slices))).numpy()
        finished.write_text(f"{origin} {number + 1}")
    return kept


def _origin(frozen: keras.Sequential, samples: Sequence[Sample], looks: range) -> str:
    """Return a digest of all that the kept answers follow from."""
    origin = hashlib.sha256(repr((looks, [sample.digest for sample in samples])).encode())
    for weight in frozen.get_weights():
        origin.update(np.ascontiguousarray(weight).tobytes())
    return origin.hexdigest()


def see(samples: Sequence[Sample], index: int, look: int) -> NDArray[np.uint8]:
    """Return one look of a sample, (SIDE, SIDE): 0 is unchanged, each other one changed by a seed of its own."""
    pixels = samples[index].pixels
    if look:
        rng = np.random.default_rng((SEED, look, index))
        if rng.random() < TONED:
            pixels = match_tones(pixels, samples[rng.integers(len(samples))].pixels)
        pixels = augment(pixels, rng)
    return crop_to_head(pixels, SIDE).pixels


class KeptBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, class-weighted batches of kept answers, one look an epoch, seeded per epoch."""

    def __init__(self, looks: NDArray[np.float16], labels: NDArray[np.int64]) -> None:
        super().__init__()
        self.looks, self.labels = looks, labels
        self.class_weights = class_weights(labels)
        self.start(0)

    def start(self, epoch: int) -> None:
        self.epoch = epoch
        self.order = np.random.default_rng((SEED, epoch)).permutation(len(self.labels))

    def __len__(self) -> int:
        return math.ceil(len(self.order) / BATCH)

    def __getitem__(self, number: int) -> Batch:
        chosen = np.sort(self.order[number * BATCH : (number + 1) * BATCH])
        labels = self.labels[chosen]
        inputs = self.looks[self.epoch % len(self.looks)][chosen].astype(np.float32)
        return inputs, labels.astype(np.float32), self.class_weights[labels]

    def on_epoch_end(self) -> None:
        self.start(self.epoch + 1)


def _fit(
    trained: keras.Sequential,
    batches: KeptBatches,
    validation: tuple[NDArray[np.float16], NDArray[np.int64]],
    run: Path,
    stage: Stage,
    epochs: int,
) -> keras.Sequential:
    run.mkdir(exist_ok=True)
    journal = Journal(run, stage.patience)
    batches.start(journal.epochs_done)
    if journal.epochs_done:
        trained = keras.saving.load_model(run / "last.keras")
    else:
        keras.utils.set_random_seed(SEED)
        _let_learn(trained, stage)
        trained.compile(
            keras.optimizers.AdamW(
                schedule(stage.peak_rate, epochs, len(batches)), weight_decay=WEIGHT_DECAY, clipnorm=1.0
            ),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=False,  # compiled by XLA, a step takes five times as long on a processor
        )
    if not journal.stopped and journal.epochs_done < epochs:
        trained.fit(
            batches,
            validation_data=(validation[0].astype(np.float32), validation[1]),
            initial_epoch=journal.epochs_done,
            epochs=epochs,
            callbacks=[journal],
            verbose=2,
        )
    return keras.saving.load_model(run / "best.keras")


def _let_learn(trained: keras.Sequential, stage: Stage) -> None:
    """Freeze the convolutions or let them learn; batch normalisation stays as pretrained either way."""
    for part in trained.layers:
        for layer in getattr(part, "layers", ()):
            layer.trainable = stage.tunes_convolutions and not isinstance(layer, keras.layers.BatchNormalization)
