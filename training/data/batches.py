"""Batches for Keras: seeded per epoch and sample, so that a resumed run sees what an unbroken one would have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from imip.inference.head import crop_to_head
from training.augmentation.brain import augment, match_tones, mirror_half, paint_lesion, reshade_scalp
from training.augmentation.counterfactual import Counterfactual, counterfactual
from training.data.balance import propensity_weights
from training.data.samples import Sample

Batch = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def model_inputs(samples: Sequence[Sample], side: int) -> NDArray[np.float32]:
    """Return the samples as the network's input, (n, side, side, 1), 0..255."""
    return as_inputs([crop_to_head(sample.pixels, side).pixels for sample in samples])


def as_inputs(slices: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return cropped slices, each (side, side), as one batch, (n, side, side, 1)."""
    return np.stack(slices)[..., None].astype(np.float32)


@dataclass(frozen=True, slots=True)
class Mix:
    """How often a slice is shown as something else; shares of the slices that can be."""

    painted: float  # healthy slices, healed ones too, that get a mass painted in and count as tumors
    healed: float = 0.0  # tumor slices with a counterfactual, shown without their tumor
    doubled: float = 0.0  # of them, shown with it on both sides
    mirrored: float = 0.0  # healthy slices shown with one half mirrored over the other
    toned: float = 0.0  # slices that get another slice's tones
    reshaded: float = 0.0  # slices whose scalp is dimmed, brightened or blanked
    balanced: bool = False  # weight slices so that their coarse look does not tell the label


class Augmenter:
    """Draws changed versions of samples; what a draw gives depends on its seed alone."""

    def __init__(self, samples: Sequence[Sample], side: int, mix: Mix) -> None:
        self.samples, self.side, self.mix = samples, side, mix
        wanted = mix.healed + mix.doubled > 0
        self._counterfactuals = [counterfactual(s.pixels) if wanted and s.is_tumor else None for s in samples]

    def draw(self, index: int, seed: Sequence[int]) -> tuple[NDArray[np.uint8], bool]:
        """Return one changed input, (side, side), and whether it shows a tumor, real or painted."""
        rng = np.random.default_rng(seed)
        pixels, shows = self._content(index, rng)
        if not shows and rng.random() < self.mix.painted:
            pixels, shows = paint_lesion(pixels, rng), True
        if rng.random() < self.mix.reshaded:
            pixels = reshade_scalp(pixels, rng)
        if rng.random() < self.mix.toned:
            pixels = match_tones(pixels, self.samples[rng.integers(len(self.samples))].pixels)
        return crop_to_head(augment(pixels, rng), self.side).pixels, shows

    def tumor_share(self) -> float:
        """Return the expected share of draws that show a tumor."""
        real = [1 - self.mix.healed * (c is not None) if s.is_tumor else 0.0 for s, c in self._pairs()]
        return float(np.mean([r + (1 - r) * self.mix.painted for r in real]))

    def _content(self, index: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], bool]:
        sample, other = self.samples[index], self._counterfactuals[index]
        chance = rng.random()
        if other is not None and chance < self.mix.healed:
            return other.healed, False
        if other is not None and chance < self.mix.healed + self.mix.doubled:
            return other.doubled, True
        if not sample.is_tumor and chance < self.mix.mirrored:
            return mirror_half(sample.pixels, rng), False
        return sample.pixels, sample.is_tumor

    def _pairs(self) -> Iterator[tuple[Sample, Counterfactual | None]]:
        return zip(self.samples, self._counterfactuals, strict=True)


class AugmentedBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, augmented, class-weighted batches: input (n, side, side, 1), target (n, 1), weight (n,)."""

    def __init__(self, augmenter: Augmenter, batch: int, seed: int, epoch: int = 0) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=16)
        self.augmenter, self.batch, self.seed, self.epoch = augmenter, batch, seed, epoch
        tumors = augmenter.tumor_share()
        self.class_weights = np.array([0.5 / (1 - tumors), 0.5 / tumors], np.float32)
        self.weights = np.ones(len(augmenter.samples), np.float32)
        if augmenter.mix.balanced:
            self.weights = propensity_weights(augmenter.samples)
        self._shuffle()

    def __len__(self) -> int:
        return len(self.augmenter.samples) // self.batch

    def __getitem__(self, number: int) -> Batch:
        chosen = self.order[number * self.batch : (number + 1) * self.batch]
        pairs = [self.augmenter.draw(int(i), (self.seed, self.epoch, int(i))) for i in chosen]
        inputs = as_inputs([pixels for pixels, _ in pairs])
        targets = np.array([shows for _, shows in pairs])
        weights = self.weights[chosen] * self.class_weights[targets.astype(int)]
        return inputs, targets[:, None].astype(np.float32), weights

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.augmenter.samples))
