"""A training that is killed at any moment goes on from its last complete epoch, as if nothing had happened."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.support.runs import OPTIONS, LineBatches, epochs, held_out, line
from tests.support.server import REPOSITORY
from training.loop import fit

KILLS = 2
FURTHER = 5  # epochs before each


def rows(run: Path) -> int:
    return len(epochs(run)) if (run / "epochs.csv").exists() else 0


def test_a_killed_run_goes_on_with_the_epoch_after_the_last_complete_one(tmp_path: Path) -> None:
    killed, unbroken = tmp_path / "killed", tmp_path / "unbroken"
    for _ in range(KILLS):
        before = rows(killed)
        process = subprocess.Popen([sys.executable, "-m", "tests.support.runs", str(killed)], cwd=REPOSITORY)
        while rows(killed) < before + FURTHER and process.poll() is None:
            time.sleep(0.01)
        time.sleep(np.random.default_rng().uniform(0, 0.1))
        process.kill()
        process.wait()
    done = rows(killed)
    assert KILLS * FURTHER <= done < OPTIONS.epochs
    batches = LineBatches()
    fit(line(), batches, held_out(), killed, OPTIONS)
    fit(line(), LineBatches(), held_out(), unbroken, OPTIONS)
    assert min(batches.seen.keys() - {0}) == done  # Keras draws from epoch 0 once, to see what a batch is like
    assert epochs(killed) == epochs(unbroken)
