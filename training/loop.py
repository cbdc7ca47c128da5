"""The training loop: early stopping, one CSV row an epoch, and a run that goes on where it was stopped."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from training.data.batches import AugmentedBatches, Augmenter, Mix, as_inputs, model_inputs
from training.data.samples import Sample


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage of training is made of."""

    epochs: int
    peak_rate: float
    mix: Mix
    patience: int = 15  # epochs without a better validation loss
    batch: int = 32
    weight_decay: float = 1e-4
    seed: int = 7


def fit(
    network: keras.Sequential, train: Sequence[Sample], validation: Sequence[Sample], run: Path, stage: Stage
) -> keras.Sequential:
    """Train until validation stops improving and return the best epoch's network.

    `run` keeps `last.keras`, `best.keras` and `epochs.csv`; calling again with the same folder resumes. The
    validation loss is taken over each slice twice, as it is and augmented once, so that a network which only
    knows the data set's own look is not the one kept.
    """
    run.mkdir(parents=True, exist_ok=True)
    journal = Journal(run, stage.patience)
    side = network.input_shape[1]
    if journal.epochs_done and (run / "last.keras").exists():
        network = keras.saving.load_model(run / "last.keras")
    else:
        keras.utils.set_random_seed(stage.seed)
        network.compile(
            keras.optimizers.AdamW(
                schedule(stage.peak_rate, stage.epochs, math.ceil(len(train) / stage.batch)),
                weight_decay=stage.weight_decay,
                clipnorm=1.0,
            ),
            loss="binary_crossentropy",
            metrics=["accuracy", keras.metrics.AUC(name="auc")],
        )
    if not journal.stopped and journal.epochs_done < stage.epochs:
        network.fit(
            AugmentedBatches(Augmenter(train, side, stage.mix), stage.batch, stage.seed, epoch=journal.epochs_done),
            validation_data=_validation(validation, side, stage),
            initial_epoch=journal.epochs_done,
            epochs=stage.epochs,
            callbacks=[journal],
            verbose=1,
        )
    return keras.saving.load_model(run / "best.keras")


def schedule(peak_rate: float, epochs: int, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Warm up over two epochs of `steps` batches, a quarter of a shorter run, then fall along a cosine."""
    warmup = max(1, int(min(2, epochs / 4) * steps))
    return keras.optimizers.schedules.CosineDecay(
        peak_rate / 20,
        decay_steps=max(1, epochs * steps - warmup),
        alpha=0.02,
        warmup_target=peak_rate,
        warmup_steps=warmup,
    )


def _validation(samples: Sequence[Sample], side: int, stage: Stage) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    as_is = model_inputs(samples, side)
    augmenter = Augmenter(samples, side, stage.mix)
    pairs = [augmenter.draw(index, (stage.seed, index)) for index in range(len(samples))]
    augmented = as_inputs([pixels for pixels, _ in pairs])
    targets = [sample.is_tumor for sample in samples] + [shows for _, shows in pairs]
    return np.concatenate([as_is, augmented]), np.array(targets, np.float32)[:, None]


class Journal(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes each epoch's figures and checkpoints, and stops the run; its state is the CSV alone."""

    def __init__(self, run: Path, patience: int) -> None:
        super().__init__()
        self.run, self.patience = run, patience
        self.path = run / "epochs.csv"
        self.losses: list[float] = []
        if self.path.exists():
            with self.path.open(newline="") as file:
                self.losses = [float(row["val_loss"]) for row in csv.DictReader(file)]

    @property
    def epochs_done(self) -> int:
        return len(self.losses)

    @property
    def stopped(self) -> bool:
        return bool(self.losses) and len(self.losses) - 1 - int(np.argmin(self.losses)) >= self.patience

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = {"epoch": epoch + 1, **{name: round(float(value), 6) for name, value in (logs or {}).items()}}
        self.losses.append(figures["val_loss"])
        if figures["val_loss"] == min(self.losses):
            self.model.save(self.run / "best.keras")
        self.model.save(self.run / "last.keras")
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, figures, lineterminator="\n")
            if epoch == 0:
                writer.writeheader()
            writer.writerow(figures)
        self.model.stop_training = self.stopped
