"""The training loop: Keras' own, which stops early, logs every epoch, and goes on after an interruption.

The rows of `epochs.csv` are the complete epochs: a row is written after the epoch's backup. Backups are written to two
folders in turn, so a run that is killed at any moment still has the whole backup of its last row.
"""

import csv
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.callbacks import BackupAndRestore, CSVLogger, LambdaCallback, ModelCheckpoint
from numpy.typing import NDArray

from training.data.batches import SeededBatches

BEST, EPOCHS = "best.keras", "epochs.csv"  # in the folder of a run
WARMUP_EPOCHS = 2


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How a network is fitted."""

    loss: Any  # as Keras takes it: a name, or a function by output
    epochs: int  # at most
    peak_rate: float  # of learning
    metrics: tuple[str, ...] = ("accuracy",)
    loss_weights: Mapping[str, float] | None = None  # by output
    patience: int = 15  # epochs without a better validation loss
    batch_size: int = 32
    weight_decay: float = 1e-4
    seed: int = 7

    def at_most(self, epochs: int | None) -> "FitOptions":
        """Return the same options with no more epochs than given."""
        return replace(self, epochs=min(self.epochs, epochs or self.epochs))


def fit(
    network: keras.Model,
    batches: SeededBatches,
    validation: tuple[NDArray[np.float32], Any],
    run: Path,
    options: FitOptions,
) -> keras.Model:
    """Train until the validation loss stops improving, and return the network of the best epoch.

    `validation` holds inputs and targets. `run` keeps backups, `best.keras` and `epochs.csv`. Called again with the
    same folder, training goes on after the last complete epoch; if it had ended, the best network is returned.
    """
    run.mkdir(parents=True, exist_ok=True)
    losses = _validation_losses(run / EPOCHS)
    if not _has_ended(losses, options):
        network.compile(
            keras.optimizers.AdamW(
                schedule(options.peak_rate, options.epochs, len(batches)),
                weight_decay=options.weight_decay,
                clipnorm=1.0,
            ),
            loss=options.loss,
            loss_weights=options.loss_weights,
            metrics=list(options.metrics) or None,
            jit_compile=False,  # XLA makes no step faster on a processor, and compiling takes seconds
        )
        network.fit(
            batches,
            validation_data=validation,
            epochs=options.epochs,
            shuffle=False,  # the batches are shuffled by their epoch
            callbacks=[
                LambdaCallback(on_epoch_begin=lambda epoch, _: batches.start(epoch)),
                EarlyStopping(options.patience, losses),
                ModelCheckpoint(run / BEST, save_best_only=True, initial_value_threshold=min(losses, default=None)),
                Backups(run, epochs_done=len(losses)),
                EpochLog(run / EPOCHS, append=True),
            ],
            verbose=2,
        )
    return keras.saving.load_model(run / BEST)


def schedule(peak_rate: float, epochs: int, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Warm up over two epochs of `steps` batches, or a quarter of a shorter run, then fall along a cosine."""
    warmup = max(1, int(min(WARMUP_EPOCHS, epochs / 4) * steps))
    return keras.optimizers.schedules.CosineDecay(
        peak_rate / 20,
        decay_steps=max(1, epochs * steps - warmup),
        alpha=0.02,
        warmup_target=peak_rate,
        warmup_steps=warmup,
    )


class EarlyStopping(keras.callbacks.EarlyStopping):  # type: ignore[misc]
    """Keras' early stopping, which also counts the epochs before an interruption."""

    def __init__(self, patience: int, losses: list[float]) -> None:
        super().__init__(patience=patience)
        self.losses = losses

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        for epoch, loss in enumerate(self.losses):
            self.on_epoch_end(epoch, {"val_loss": loss})


class Backups(keras.callbacks.Callback):  # type: ignore[misc]
    """Keras' backup in two folders in turn, so that one is whole while the other is written."""

    def __init__(self, run: Path, epochs_done: int) -> None:
        super().__init__()
        self.epochs_done = epochs_done
        self.turns = [BackupAndRestore(run / f"backup-{turn}", delete_checkpoint=False) for turn in range(2)]

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        for backup in self.turns:
            backup.set_model(model)

    def on_train_begin(self, logs: Any = None) -> None:
        if self.epochs_done:
            self.turns[self.epochs_done % 2].on_train_begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.turns[(epoch + 1) % 2].on_epoch_end(epoch)


class EpochLog(CSVLogger):  # type: ignore[misc]
    """Keras' log of epochs, counted from 1, with the seconds that each took."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        seconds = round(time.perf_counter() - self.start, 1)
        super().on_epoch_end(epoch + 1, {**(logs or {}), "seconds": seconds})


def _validation_losses(log: Path) -> list[float]:
    if not log.exists():
        return []
    with log.open(newline="") as file:
        return [float(row["val_loss"]) for row in csv.DictReader(file)]


def _has_ended(losses: list[float], options: FitOptions) -> bool:
    if not losses:
        return False
    without_improvement = len(losses) - 1 - int(np.argmin(losses))
    return len(losses) >= options.epochs or without_improvement >= options.patience
