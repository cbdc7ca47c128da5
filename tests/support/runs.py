"""Runs of training for tests: a network of two weights, batches that note what they were asked for, and their log."""

import csv
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from training.data.batches import Batch, SeededBatches

SIZE = 12  # samples
VALIDATION = np.linspace(-1, 1, 8, dtype=np.float32)[:, None]


def line() -> keras.Sequential:
    """A network that learns a line, from the same start each time."""
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])


class LineBatches(SeededBatches):
    """Points of a line, with what was drawn in each epoch."""

    def __init__(self) -> None:
        self.drawn: dict[int, list[int]] = {}
        super().__init__(SIZE, batch_size=4, seed=3)

    def __getitem__(self, number: int) -> Batch:
        chosen = self.samples(number)
        self.drawn.setdefault(self.epoch, []).extend(chosen.tolist())
        inputs = (chosen / SIZE).astype(np.float32)[:, None]
        return inputs, 3 * inputs - 1


def held_out() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return VALIDATION, 3 * VALIDATION - 1


def epochs(run: Path) -> list[dict[str, float]]:
    """Return the rows of a run's log."""
    with (run / "epochs.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
