"""How the network of `brain-tumor-type` is trained: the dense layers first, then the last convolutions as well.

One trick makes this quick on a processor: what the frozen first part of the network returns for several variants of
every slice is computed once and kept in a file, and both stages train on that.
"""

import hashlib
from collections.abc import Mapping, Sequence
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
from training.data.batches import Batch, SeededBatches, as_inputs
from training.data.samples import Sample
from training.loop import FitOptions, fit
from training.networks.mobilenet import SIDE
from training.recipes.brain_tumor_type.network import frozen_part, trained_part

VARIANTS: Final = 8  # of each training slice that are kept; epochs take them in turn
TONED: Final = 0.3  # share of the variants that also get another slice's tones
AT_ONCE: Final = 32  # slices
SEED: Final = 7
LOSS: Final = "sparse_categorical_crossentropy"
CONVOLUTIONS: Final = "convolutions"  # the stage in which they learn too
STAGES: Final[Mapping[str, FitOptions]] = {
    "head": FitOptions(LOSS, epochs=3, peak_rate=2e-3, patience=5, seed=SEED),
    CONVOLUTIONS: FitOptions(LOSS, epochs=20, peak_rate=2e-4, patience=5, seed=SEED),
}

Labelled = tuple[Sequence[Sample], NDArray[np.int64]]  # slices and the index of each one's label, (n,)


def train(network: keras.Sequential, learned: Labelled, validation: Labelled, run: Path, epochs: int | None) -> None:
    """Train the network's last part on `learned` in `run`, or go on with it; `epochs`: at most, a stage.

    The validation loss that stops a stage is taken over each slice twice, as it is and changed once.
    """
    run.mkdir(parents=True, exist_ok=True)
    variants = keep(network, learned[0], range(1, VARIANTS + 1), run / "train.npy")
    twice = keep(network, validation[0], range(2), run / "validation.npy")
    held_out = twice.reshape(-1, *twice.shape[2:]).astype(np.float32), np.tile(validation[1], 2).astype(np.float32)
    trained = trained_part(network)
    for name, options in STAGES.items():
        _set_trainable(trained, name == CONVOLUTIONS)
        batches = KeptBatches(variants, learned[1], options.batch_size, options.seed)
        trained = fit(trained, batches, held_out, run / name, options.at_most(epochs))
    trained_part(network).set_weights(trained.get_weights())


def keep(network: keras.Sequential, samples: Sequence[Sample], variants: range, file: Path) -> NDArray[np.float16]:
    """Return what the frozen part returns for variants of each sample, (variants, n, h, w, channels), kept in a file.

    Variant 0 is the slice as it is served. A call that was stopped goes on after the last variant that it finished,
    and starts over if the samples, the variants or the frozen weights are others.
    """
    frozen = frozen_part(network)
    answer = tf.function(lambda pixels: frozen(pixels, training=False), autograph=False)
    shape = (len(variants), len(samples), *frozen.output_shape[1:])
    finished = file.with_suffix(".finished")
    origin = _origin(frozen, samples, variants)
    begun, _, count = finished.read_text().partition(" ") if finished.exists() else ("", "", "")
    first = int(count) if begun == origin else 0
    mode = "r+" if first else "w+"
    kept: NDArray[np.float16] = np.lib.format.open_memmap(file, mode, np.float16, shape)  # type: ignore[no-untyped-call]
    for number in range(first, len(variants)):
        progress = f"{file.stem}, variant {variants[number]}"
        for start in tqdm(range(0, len(samples), AT_ONCE), desc=progress, unit="batch"):
            chosen = range(start, min(start + AT_ONCE, len(samples)))
            slices = [variant(samples, index, variants[number]) for index in chosen]
            kept[number, start : chosen.stop] = answer(tf.constant(as_inputs(slices))).numpy()
        finished.write_text(f"{origin} {number + 1}")
    return kept


def _origin(frozen: keras.Sequential, samples: Sequence[Sample], variants: range) -> str:
    """Return a digest of all that the kept answers follow from."""
    origin = hashlib.sha256(repr((variants, [sample.digest for sample in samples])).encode())
    for weight in frozen.get_weights():
        origin.update(np.ascontiguousarray(weight).tobytes())
    return origin.hexdigest()


def variant(samples: Sequence[Sample], index: int, number: int) -> NDArray[np.uint8]:
    """Return one variant of a sample, (SIDE, SIDE): 0 is unchanged, each other one changed by a seed of its own."""
    pixels = samples[index].pixels
    if number:
        rng = np.random.default_rng((SEED, number, index))
        if rng.random() < TONED:
            pixels = match_tones(pixels, samples[rng.integers(len(samples))].pixels)
        pixels = augment(pixels, rng)
    return crop_to_head(pixels, SIDE).pixels


class KeptBatches(SeededBatches):
    """Class-weighted batches of kept answers, one variant an epoch."""

    def __init__(
        self, variants: NDArray[np.float16], labels: NDArray[np.int64], batch_size: int = 32, seed: int = SEED
    ) -> None:
        super().__init__(len(labels), batch_size, seed)
        self.variants, self.labels = variants, labels
        self.class_weights = class_weights(labels)

    def __getitem__(self, number: int) -> Batch:
        chosen = np.sort(self.samples(number))
        labels = self.labels[chosen]
        inputs = self.variants[self.epoch % len(self.variants)][chosen].astype(np.float32)
        return inputs, labels.astype(np.float32), self.class_weights[labels]


def _set_trainable(trained: keras.Sequential, tunes_convolutions: bool) -> None:
    """Freeze the convolutions or let them learn; batch normalisation stays as pretrained either way."""
    for part in trained.layers:
        for layer in getattr(part, "layers", ()):
            layer.trainable = tunes_convolutions and not isinstance(layer, keras.layers.BatchNormalization)
