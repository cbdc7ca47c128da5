"""Tiny runs of training: a network that learns a line, batches that note what was drawn, and the log of a run.

`python -m tests.support.runs FOLDER` makes a run, which a test can kill.
"""

import csv
import sys
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from training.data.batches import Batch, SeededBatches
from training.loop import FitOptions, fit

SIZE = 12  # samples
VALIDATION = np.linspace(-1, 1, 8, dtype=np.float32)[:, None]
OPTIONS = FitOptions("mse", epochs=30, peak_rate=0.1, metrics=(), patience=30)


def line() -> keras.Sequential:
    """A network that learns a line, from the same start each time."""
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])


class LineBatches(SeededBatches):
    """Points of a line, and the samples that were drawn in each epoch."""

    def __init__(self) -> None:
        self.seen: dict[int, list[int]] = {}
        super().__init__(SIZE, batch_size=4, seed=3)

    def __getitem__(self, number: int) -> Batch:
        chosen = self.samples(number)
        self.seen.setdefault(self.epoch, []).extend(chosen.tolist())
        inputs = (chosen / SIZE).astype(np.float32)[:, None]
        return inputs, 3 * inputs - 1


def held_out() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return VALIDATION, 3 * VALIDATION - 1


def epochs(run: Path) -> list[dict[str, float]]:
    """Return the rows of a run's log, without the seconds, which differ from run to run."""
    with (run / "epochs.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert all(row.pop("seconds") >= 0 for row in rows)
    return rows


if __name__ == "__main__":
    fit(line(), LineBatches(), held_out(), Path(sys.argv[1]), OPTIONS)
