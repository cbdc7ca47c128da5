"""A sixth module, added as docs/how-to/add-a-module.md says, with the files, scans and commands of the page."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imip.inference.card import Card
from imip.settings import DriftSettings
from tests.support.server import REPOSITORY, running
from training.data.split import read_manifest

NAME = "slice-orientation"
LABELS = ("Upright", "Turned Left", "Upside Down", "Turned Right")
PAGE = (REPOSITORY / "docs" / "how-to" / "add-a-module.md").read_text(encoding="utf-8")
PACKAGES = ("cli", "imip", "monitoring", "serving", "training", "samples")
COMMANDS = """
import json, sys
from pathlib import Path
from cli.app import app
commands, scan = json.loads(sys.argv[1]), Path(sys.argv[2])
for command in commands:
    app(command, standalone_mode=False)
from imip.inference.predictor import analyse
from imip.modules import load
from imip.settings import DriftSettings
from monitoring.drift import detectors
from monitoring.drift.reference import artifact_reference
artifact = Path("models") / commands[0][1]
module = load(artifact)
analysis = analyse(scan.read_bytes(), module)
reference = artifact_reference(artifact, module.card)
warm = detectors.detectors(reference.predictions, module.card.possible_labels, DriftSettings())
json.dump({
    "label": analysis.prediction.label,
    "probabilities": dict(analysis.prediction.probabilities),
    "heatmaps": analysis.output.heatmaps.shape,
    "drift": {detector.name: detector(reference.predictions).drifted for detector in warm},
}, Path("answer.json").open("w"))
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def commands() -> list[list[str]]:
    """The page's commands of `imip`, training cut short."""
    lines = [shlex.split(line) for block in blocks("sh") for line in block.splitlines() if line.startswith("imip ")]
    return [[*line[1:], "--epochs", "1"] if line[1] == "train" else line[1:] for line in lines]


def files(root: Path) -> dict[str, str]:
    """The digest of each file of a tree by its path, but of what git ignores."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not {"__pycache__", "build", "runs", "home"} & set(path.relative_to(root).parts)
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with the page's module and scans, before any command."""
    root = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, root / package, ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
    return root


@pytest.fixture(scope="module")
def added(tree: Path) -> tuple[dict[str, str], dict[str, str], dict[str, Any]]:
    """The files before and after the page was followed, and what the new module answers for an upright slice."""
    before = files(tree)
    module, scans = blocks("python")
    (about,) = blocks("yaml")
    (tree / "imip" / "modules" / "slice_orientation.py").write_text(module, encoding="utf-8")
    (tree / "models" / NAME).mkdir(parents=True)
    (tree / "models" / NAME / "about.yaml").write_text(about, encoding="utf-8")
    environment = os.environ | {"BENTOML_HOME": str(tree / "home"), "PYTHONPATH": str(tree)}
    fewer = scans.replace("range(600)", "range(200)")
    for code, *arguments in ((fewer,), (COMMANDS, json.dumps(commands()), "samples/brain-axial.dcm")):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=tree, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    answer = json.loads((tree / "answer.json").read_text())
    (tree / "answer.json").unlink()
    return before, files(tree), answer


def test_the_page_shows_how_to_train_export_and_judge() -> None:
    assert [command[:2] for command in commands()] == [[verb, NAME] for verb in ("train", "export", "evaluate")]


def test_no_file_that_was_there_changes_and_only_those_of_the_module_are_new(added) -> None:
    before, after, _ = added
    assert {path: after.get(path) for path in before} == before
    new = {path for path in after if path not in before}
    page, artifact = f"docs/models/{NAME}", f"models/{NAME}"
    pictures = {path for path in new if path.startswith(f"{page}/") and path.endswith(".png")}
    assert pictures
    assert new - pictures == {
        "imip/modules/slice_orientation.py",
        f"training/manifests/{NAME}.csv",
        f"{page}.md",
        *(f"{artifact}/{name}" for name in ("about.yaml", "card.yaml", "model.tflite", "reference.npz")),
    }


def test_the_new_module_answers_one_of_its_labels_with_a_heatmap_for_each(added) -> None:
    answer = added[2]
    assert answer["label"] in LABELS
    assert set(answer["probabilities"]) == set(LABELS)
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answer["heatmaps"] == [8, 8, len(LABELS)]


def test_drift_is_watched_from_its_own_reference(added) -> None:
    drifted = added[2]["drift"]
    assert set(drifted) == set(DriftSettings().detectors)
    assert not any(drifted.values())  # the reference beside itself


def test_it_is_served_from_the_model_store_before_it_is_shipped(
    tree: Path, added, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "code"
    shutil.copytree(tree, code, ignore=shutil.ignore_patterns("models", "docs", "build", "runs", "home"))
    shutil.copy(REPOSITORY / "service.py", code)
    monkeypatch.setattr("tests.support.server.REPOSITORY", code)
    settings = {"IMIP_MODULES": json.dumps([NAME]), "IMIP_WORKERS": "1", "BENTOML_HOME": str(tree / "home")}
    with running(tmp_path, **settings) as server:
        scan = (REPOSITORY / "samples" / "brain-axial.dcm").read_bytes()
        finding = server.http.post(f"/predict?module={NAME}", files={"file": scan}).json()
    assert finding["model"] == {"name": NAME, "version": Card.read(tree / "models" / NAME / "card.yaml").version}
    assert finding["label"] == added[2]["label"]


def test_its_card_holds_the_files_words_and_figures_of_the_test_part(tree: Path, added) -> None:
    card = Card.read(tree / "models" / NAME / "card.yaml")
    assert (card.module, card.labels, card.input.modalities) == (NAME, LABELS, ("MR",))
    parts = [entry.split for entry in read_manifest(tree / "training" / "manifests" / f"{NAME}.csv").values()]
    assert card.metrics["test"]["n"] == parts.count("test")
    assert card.interval(card.headline) is not None
    assert card.version in (tree / "docs" / "models" / f"{NAME}.md").read_text(encoding="utf-8")


def test_its_version_is_in_the_model_store(tree: Path, added) -> None:
    version = Card.read(tree / "models" / NAME / "card.yaml").version
    assert (tree / "home" / "models" / NAME / version / "model.tflite").exists()
