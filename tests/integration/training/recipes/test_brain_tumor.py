"""A tiny run from a folder of pictures to an artifact that the server would load, stopped once and resumed."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from cli.app import app
from imip.inference.artifact import read_artifact
from tests.support.heads import head
from tests.support.runs import epochs
from training import recipe
from training.data import split
from training.export.litert import read_weights
from training.loop import FitOptions
from training.recipes import brain_tumor, find
from training.recipes.brain_tumor import BrainTumor
from training.recipes.brain_tumor.mix import Mix
from training.recipes.brain_tumor.network import build

EPOCHS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Thirty-two pictures in two classes: heads, and heads with a bright mass."""
    root = tmp_path_factory.mktemp("scans")
    for name in ("tumor", "no_tumor"):
        (root / name).mkdir()
        for number in range(16):
            pixels = head(100 + number + 50 * (name == "tumor"))
            if name == "tumor":
                cv2.circle(pixels, (38 + number, 44), 18, 255, -1)
            cv2.imwrite(str(root / name / f"{number:03d}.png"), pixels)
    (root / "tumor" / "broken.png").write_bytes(b"no picture")
    return root


def experienced() -> keras.Sequential:
    """The shipped network: what a run of seconds makes of a new one is left to chance."""
    network = build()
    read_weights(network, find("brain-tumor").weights)
    return network


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory) -> Iterator[Path]:
    """The run folder of a whole run that was interrupted after its first epoch."""
    place = tmp_path_factory.mktemp("run")
    options = FitOptions("binary_crossentropy", epochs=EPOCHS, peak_rate=1e-6, batch_size=4)
    arguments = ["brain-tumor", "--data", str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "MANIFESTS", place)
        patch.setenv("BENTOML_HOME", str(place / "bentoml"))
        patch.setattr(BrainTumor, "stages", ((options, Mix(painted=0.0)),))
        patch.setattr(brain_tumor, "build", experienced)
        assert CliRunner().invoke(app, ["split", *arguments]).exit_code == 0
        begun = find("brain-tumor")
        begun.train(begun.divide(begun.samples(folder)[0]), place / "run", epochs=1)
        result = CliRunner().invoke(app, ["train", *arguments, "--run", str(place / "run")])
        assert result.exit_code == 0, result.output
        yield place / "run"


def test_a_resumed_run_goes_on_after_the_last_epoch(trained):
    rows = epochs(trained / "stage-1")
    assert [row["epoch"] for row in rows] == list(range(1, EPOCHS + 1))
    assert all(np.isfinite(value) for row in rows for value in row.values())


def test_a_trained_artifact_loads_and_its_reference_is_the_validation_part(trained):
    artifact = read_artifact(trained / "artifact")
    parts = [entry.split for entry in split.read_manifest(find("brain-tumor").manifest).values()]
    assert artifact.card.version in Path(trained / "artifact" / "card.yaml").read_text()
    assert len(artifact.reference) == parts.count("validation")


def test_a_users_own_folder_can_be_evaluated(trained, folder, tmp_path):
    (tmp_path / "yes").mkdir()
    for number, path in enumerate(sorted((folder / "tumor").glob("0*.png"))):
        cv2.imwrite(str(tmp_path / "yes" / f"{number}.png"), 255 - cv2.imread(str(path)))
    result = CliRunner().invoke(
        app, ["evaluate", "brain-tumor", "--data", str(tmp_path), "--artifact", str(trained / "artifact")]
    )
    assert result.exit_code == 0, result.output
    assert "16 scans" in result.output
    assert "false negative rate" in result.output


def test_a_users_own_folder_does_not_overwrite_the_cards_figures(trained, tmp_path):
    (tmp_path / "yes").mkdir()
    cv2.imwrite(str(tmp_path / "yes" / "1.png"), head(901))
    card = trained / "artifact" / "card.yaml"
    before = card.read_text()
    result = CliRunner().invoke(
        app, ["evaluate", "brain-tumor", "--data", str(tmp_path), "--artifact", str(card.parent), "--write-card"]
    )
    assert result.exit_code == 1
    assert "test part" in result.stderr
    assert card.read_text() == before
