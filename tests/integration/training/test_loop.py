"""A training that is killed at any moment goes on from its last complete epoch, as if nothing had happened."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.runs import LineBatches, epochs, held_out, line
from tests.support.server import REPOSITORY
from training.loop import FitOptions, fit

OPTIONS = FitOptions("mse", epochs=30, peak_rate=0.1, metrics=(), patience=30)
KILLED = """
import sys
from pathlib import Path
from tests.integration.training.test_loop import OPTIONS
from tests.support.runs import LineBatches, held_out, line
from training.loop import fit
fit(line(), LineBatches(), held_out(), Path(sys.argv[1]), OPTIONS)
"""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("unbroken")
    fit(line(), LineBatches(), held_out(), run, OPTIONS)
    return run


def rows(run: Path) -> int:
    return len(epochs(run)) if (run / "epochs.csv").exists() else 0


def test_a_killed_run_goes_on_with_the_epoch_after_the_last_complete_one(unbroken: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng()
    for _ in range(2):
        before = rows(tmp_path)
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=REPOSITORY)
        while rows(tmp_path) < before + 5 and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.wait()
    done = rows(tmp_path)
    assert 10 <= done < OPTIONS.epochs
    batches = LineBatches()
    fit(line(), batches, held_out(), tmp_path, OPTIONS)
    assert min(batches.drawn.keys() - {0}) == done
    assert epochs(tmp_path) == epochs(unbroken)
