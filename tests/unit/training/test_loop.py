"""The training loop keeps the best epoch, logs every one, stops when nothing improves, and goes on where it was cut."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.support.runs import LineBatches, epochs, held_out, line
from training.data.batches import Batch
from training.loop import FitOptions, fit, schedule

OPTIONS = FitOptions("mse", epochs=5, peak_rate=0.1, metrics=(), patience=3)


class Interrupted(LineBatches):
    """Batches that end a run in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.last = epoch
        super().__init__()

    def __getitem__(self, number: int) -> Batch:
        if (self.epoch, number) == (self.last, 1):
            raise RuntimeError("cut")
        return super().__getitem__(number)


class Useless(LineBatches):
    """Batches from which nothing is learned that helps: the slope turns round."""

    def __getitem__(self, number: int) -> Batch:
        inputs, targets = super().__getitem__(number)
        return inputs, -10 * targets


@pytest.fixture(scope="module", autouse=True)
def eager() -> Iterator[None]:
    """Steps of so few operations are done before a graph of them is."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LineBatches, list[np.ndarray]]:
    """A whole run: its folder, its batches and the weights of its best network."""
    run, batches = tmp_path_factory.mktemp("unbroken"), LineBatches()
    return run, batches, fit(line(), batches, held_out(), run, OPTIONS).get_weights()


def test_every_epoch_has_its_row(unbroken):
    rows = epochs(unbroken[0])
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    assert np.isfinite([row[name] for row in rows for name in ("loss", "val_loss")]).all()


def test_the_best_epochs_network_is_returned(tmp_path):
    options = replace(OPTIONS, peak_rate=5.0, epochs=8, patience=8)  # so fast that it overshoots
    best = fit(line(), LineBatches(), held_out(), tmp_path, options)
    losses = [row["val_loss"] for row in epochs(tmp_path)]
    inputs, targets = held_out()
    assert min(losses) < losses[-1]
    assert np.mean(np.square(best(inputs) - targets)) == pytest.approx(min(losses), rel=1e-4)


def test_a_run_that_was_cut_in_an_epoch_goes_on_after_the_last_complete_one_with_the_same_batches(unbroken, tmp_path):
    _, expected, weights = unbroken
    with pytest.raises(tf.errors.UnknownError, match="cut"):
        fit(line(), Interrupted(epoch=3), held_out(), tmp_path, OPTIONS)
    assert [row["epoch"] for row in epochs(tmp_path)] == [1, 2, 3]
    resumed = LineBatches()
    network = fit(line(), resumed, held_out(), tmp_path, OPTIONS)
    assert epochs(tmp_path) == epochs(unbroken[0])
    assert {epoch: resumed.seen[epoch] for epoch in (3, 4)} == {epoch: expected.seen[epoch] for epoch in (3, 4)}
    assert 1 not in resumed.seen and 2 not in resumed.seen
    assert all(np.array_equal(*pair) for pair in zip(network.get_weights(), weights, strict=True))


def test_an_epoch_that_was_not_logged_is_trained_again_from_the_backup_before_it(unbroken, tmp_path):
    """A run may be killed after any of the files that end an epoch; the row is the last of them."""
    run = shutil.copytree(unbroken[0], tmp_path / "run")
    log = run / "epochs.csv"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    (run / "backup-1" / "latest.weights.h5").write_bytes(b"half a file")
    fit(line(), LineBatches(), held_out(), run, OPTIONS)
    assert epochs(run) == epochs(unbroken[0])


def test_a_run_that_ended_is_not_trained_again(unbroken):
    run, _, weights = unbroken
    before = (run / "epochs.csv").read_bytes()
    batches = LineBatches()
    again = fit(line(), batches, held_out(), run, OPTIONS)
    assert not batches.seen
    assert (run / "epochs.csv").read_bytes() == before
    assert all(np.array_equal(*pair) for pair in zip(again.get_weights(), weights, strict=True))


def test_training_stops_after_as_many_epochs_without_improvement_as_it_has_patience_also_when_interrupted(tmp_path):
    options = replace(OPTIONS, epochs=20)
    fit(line(), Useless(), held_out(), tmp_path, replace(options, epochs=2))
    best = fit(line(), Useless(), held_out(), tmp_path, options)
    losses = [row["val_loss"] for row in epochs(tmp_path)]
    assert len(losses) == np.argmin(losses) + 1 + options.patience < options.epochs
    again = fit(line(), Useless(), held_out(), tmp_path, options)
    assert len(epochs(tmp_path)) == len(losses)
    inputs, targets = held_out()
    for network in (best, again):
        assert np.mean(np.square(network(inputs) - targets)) == pytest.approx(min(losses), rel=1e-4)


def test_the_rate_rises_over_two_epochs_and_falls_to_a_fiftieth():
    rates = [float(schedule(1.0, 10, 100)(step)) for step in (0, 200, 600, 1000)]
    assert rates == pytest.approx([0.05, 1.0, 0.51, 0.02], abs=0.02)


def test_options_are_shortened_only_if_asked():
    assert OPTIONS.at_most(None) == OPTIONS.at_most(9) == OPTIONS
    assert OPTIONS.at_most(2).epochs == 2
