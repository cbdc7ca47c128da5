"""The recipe of `brain-anomaly` trains an autoencoder that redraws better by the epoch, and draws what it measured."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from imip.inference.artifact import read_artifact
from imip.inference.predictor import analyse
from imip.modules import load
from imip.modules.brain_anomaly import BrainAnomaly
from tests.support.heads import half_with_masses, head, sample
from tests.support.runs import epochs
from tests.support.server import REPOSITORY
from training.data.split import Dataset, Entry
from training.recipe import Evaluation
from training.recipes import find

ARTIFACT = REPOSITORY / "models" / "brain-anomaly"


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    module, samples = load(ARTIFACT), half_with_masses(16)
    analyses = [analyse(sample.data, module) for sample in samples]
    return find("brain-anomaly").evaluate_analyses(module, samples, analyses, np.arange(16))


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


def test_losses_measures_and_slices_before_and_after_are_drawn(evaluation: Evaluation, tmp_path: Path) -> None:
    find("brain-anomaly").draw(evaluation, tmp_path)
    for name in ("losses", "measures", "before_after", "roc", "reliability", "confusion"):
        picture = cv2.imread(str(tmp_path / f"{name}.png"))
        assert picture is not None
        assert picture.std() > 10


def test_another_network_is_not_drawn_with_the_shipped_ones_losses_and_reconstructions(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    artifact = read_artifact(ARTIFACT)
    other = BrainAnomaly(replace(artifact, card=artifact.card.model_copy(update={"version": "0" * 12})))
    find("brain-anomaly").draw(replace(evaluation, module=other), tmp_path)
    drawn = {path.stem for path in tmp_path.iterdir()}
    assert "measures" in drawn
    assert not {"losses", "before_after"} & drawn
