"""The recipe of `brain-anomaly` trains an autoencoder that redraws better by the epoch, and goes on with a run."""

from pathlib import Path

from tests.support.heads import head, sample
from tests.support.runs import epochs
from training.data.split import Dataset, Entry
from training.recipes import find


def dataset() -> Dataset:
    heads = [sample(head(seed), f"{seed}.png", "notumor" if seed < 36 else "glioma") for seed in range(40)]
    return Dataset(heads, {s.digest: Entry(s.digest, s.class_name, seed, part(seed)) for seed, s in enumerate(heads)})


def part(seed: int) -> str:
    return "train" if seed < 32 else "validation"


def test_training_redraws_better_by_the_epoch_and_a_run_is_resumed(tmp_path: Path) -> None:
    recipe = find("brain-anomaly")
    recipe.train(dataset(), tmp_path, epochs=1)
    weights = recipe.train(dataset(), tmp_path, epochs=3)
    rows = epochs(tmp_path)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert weights.exists()
