"""What `brain-tumor` is shown in training: slices as they are, and slices with a lesion painted in or taken away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imip.inference.head import crop_to_head
from training.augmentation.brain import augment, match_tones, mirror_half, paint_lesion, reshade_scalp
from training.data.batches import Batch, SeededBatches, as_inputs
from training.data.samples import Sample
from training.recipes.brain_mri import head_inputs, is_tumor
from training.recipes.brain_tumor.counterfactual import counterfactual
from training.recipes.brain_tumor.propensity import propensity_weights

WORKERS: Final = 2  # threads that make batches


@dataclass(frozen=True, slots=True)
class Mix:
    """How often a slice is shown as something else; shares of the slices that can be."""

    painted: float  # healthy slices, healed ones too, that get a mass painted in and count as tumors
    healed: float = 0.0  # tumor slices with a counterfactual, shown without their tumor
    doubled: float = 0.0  # of them, shown with it on both sides
    mirrored: float = 0.0  # healthy slices shown with one half mirrored over the other
    toned: float = 0.0  # slices that get another slice's tones
    reshaded: float = 0.0  # slices whose scalp is dimmed, brightened or blanked
    balanced: bool = False  # weight slices so that plane, outline and shading do not show the label


class Augmenter:
    """Draws changed versions of samples; a draw depends on its seed alone."""

    def __init__(self, samples: Sequence[Sample], side: int, mix: Mix) -> None:
        self.samples, self.side, self.mix = samples, side, mix
        self.is_tumor = is_tumor(samples)
        wanted = self.is_tumor & (mix.healed + mix.doubled > 0)
        self._counterfactuals = [
            counterfactual(sample.pixels) if want else None for sample, want in zip(samples, wanted, strict=True)
        ]

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
        can_heal = np.array([other is not None for other in self._counterfactuals])
        real = self.is_tumor * (1 - self.mix.healed * can_heal)
        return float(np.mean(real + (1 - real) * self.mix.painted))

    def _content(self, index: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], bool]:
        pixels, shows, other = self.samples[index].pixels, bool(self.is_tumor[index]), self._counterfactuals[index]
        chance = rng.random()
        if other is not None and chance < self.mix.healed:
            return other.healed, False
        if other is not None and chance < self.mix.healed + self.mix.doubled:
            return other.doubled, True
        if not shows and chance < self.mix.mirrored:
            return mirror_half(pixels, rng), False
        return pixels, shows


class MixedBatches(SeededBatches):
    """Augmented, class-weighted batches: input (n, side, side, 1), target (n, 1), weight (n,)."""

    def __init__(self, augmenter: Augmenter, batch_size: int, seed: int) -> None:
        super().__init__(len(augmenter.samples), batch_size, seed, workers=WORKERS)
        self.augmenter = augmenter
        tumors = augmenter.tumor_share()
        self.class_weights = np.array([0.5 / (1 - tumors), 0.5 / tumors], np.float32)
        self.weights = np.ones(self.size, np.float32)
        if augmenter.mix.balanced:
            self.weights = propensity_weights([sample.pixels for sample in augmenter.samples], augmenter.is_tumor)

    def __getitem__(self, number: int) -> Batch:
        chosen = self.samples(number)
        pairs = [self.augmenter.draw(int(i), (self.seed, self.epoch, int(i))) for i in chosen]
        targets = np.array([shows for _, shows in pairs])
        weights = self.weights[chosen] * self.class_weights[targets.astype(int)]
        return as_inputs([pixels for pixels, _ in pairs]), targets[:, None].astype(np.float32), weights


def validation_arrays(augmenter: Augmenter, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return inputs and targets of each slice twice, as it is and augmented once.

    So the network that is kept does not know the data set's own appearance alone.
    """
    samples = augmenter.samples
    pairs = [augmenter.draw(index, (seed, index)) for index in range(len(samples))]
    augmented = as_inputs([pixels for pixels, _ in pairs])
    targets = np.concatenate([augmenter.is_tumor, [shows for _, shows in pairs]])
    return np.concatenate([head_inputs(samples, augmenter.side), augmented]), targets[:, None].astype(np.float32)
