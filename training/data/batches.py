"""Batches for Keras, seeded by epoch and sample: a resumed run sees what an unbroken one would have seen."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.augmentation.jitter import jitter

Batch = tuple[Any, ...]  # inputs, targets (by output if there are several) and, if samples do not count alike, weights


def as_inputs(slices: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return cropped slices, each (side, side), as one batch, (n, side, side, 1)."""
    return np.stack(slices)[..., None].astype(np.float32)


class SeededBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches that follow from a seed and the epoch alone. What a batch of samples holds is up to each kind.

    `chances` (n,), which sum to 1, draw samples with replacement, as many as `drawn`; without them each sample comes
    once an epoch.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int,
        *,
        chances: NDArray[np.float64] | None = None,
        drawn: int | None = None,
        workers: int = 1,
    ) -> None:
        super().__init__(workers=workers, use_multiprocessing=False)
        self.size, self.batch_size, self.seed, self.chances = size, batch_size, seed, chances
        self.drawn = drawn or size  # an epoch
        self.start(0)

    def start(self, epoch: int) -> None:
        """Draw the samples of an epoch."""
        self.epoch = epoch
        rng = np.random.default_rng((self.seed, epoch))
        drawn = (
            rng.permutation(self.size) if self.chances is None else rng.choice(self.size, self.drawn, p=self.chances)
        )
        self.order: NDArray[np.int64] = drawn

    def __len__(self) -> int:
        return math.ceil(self.drawn / self.batch_size)

    def __getitem__(self, number: int) -> Batch:
        raise NotImplementedError

    def samples(self, number: int) -> NDArray[np.int64]:
        """Return the indices of the samples of a batch."""
        return self.order[number * self.batch_size : (number + 1) * self.batch_size]


class JitteredBatches(SeededBatches):
    """Jittered pictures, (n, side, side), with a target and a weight each, (n, ...) and (n,)."""

    def __init__(
        self,
        pictures: NDArray[np.uint8],
        targets: NDArray[np.float32],
        weights: NDArray[np.float32],
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__(len(pictures), batch_size, seed)
        self.pictures, self.targets, self.weights = pictures, targets, weights

    def __getitem__(self, number: int) -> Batch:
        chosen = self.samples(number)
        jittered = [jitter(self.pictures[i], np.random.default_rng((self.seed, self.epoch, int(i)))) for i in chosen]
        return as_inputs(jittered), self.targets[chosen], self.weights[chosen]
