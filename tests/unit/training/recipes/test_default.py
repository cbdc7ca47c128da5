"""The default recipe: from folders named as a module's labels to an artifact, for two labels and for three."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from imip.errors import ArtifactError
from imip.inference.artifact import CARD, REFERENCE, read_artifact, read_card
from imip.inference.module import AnalysisModule, BinaryClassifier, Classifier
from imip.inference.predictor import analyse
from training import recipe
from training.about import About
from training.data.split import Dataset, make_manifest, read_manifest
from training.networks.sequential_cnn import Labelled, build, ends, fit
from training.recipes import default as default_recipe
from training.recipes.default import DefaultRecipe

SIDE = 16


class Bars(Classifier):
    pass


class Upright(BinaryClassifier):
    pass


TEXTS = ("question", "details", "decision_rule", "data", "factors", "caveats", "intended_use", "non_recommended_use")
LABELS = {Bars: ("Upright Bar", "Lying Bar", "Square"), Upright: ("Upright Bar", "Lying Bar")}


def about(module: type[AnalysisModule]) -> About:
    texts = dict.fromkeys((*TEXTS, "ethics"), "A test.")
    return About(title="Shapes", labels=LABELS[module], modalities=("OT",), side=SIDE, headline="accuracy", **texts)


FOLDERS = {"upright_bar": (10, 3), "LYING-BAR": (3, 10), "Square": (6, 6)}  # height, width


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Forty pictures a label, each another one by its noise."""
    root, rng = tmp_path_factory.mktemp("scans"), np.random.default_rng(0)
    for name, (height, width) in FOLDERS.items():
        (root / name).mkdir()
        for number in range(40):
            pixels = rng.integers(0, 160, (SIDE, SIDE))
            top, left = rng.integers(0, SIDE - height + 1), rng.integers(0, SIDE - width + 1)
            pixels[top : top + height, left : left + width] = 255
            cv2.imwrite(str(root / name / f"{number}.png"), pixels.astype(np.uint8))
    return root


def module_of(place: Path, default: DefaultRecipe) -> AnalysisModule:
    return default.module(read_artifact(place / "artifact"))


@pytest.fixture(scope="module")
def upright(folder, tmp_path_factory) -> tuple[DefaultRecipe, Dataset, Path]:
    """The default recipe of two labels, its data set and the folder of a run of a few epochs."""
    place = tmp_path_factory.mktemp("upright")
    default, dataset = begun(Upright, folder, place)
    default.train(dataset, place / "run", epochs=12)
    return default, dataset, place


def begun(module: type[AnalysisModule], folder: Path, place: Path) -> tuple[DefaultRecipe, Dataset]:
    default = DefaultRecipe(module, about(module))
    samples = default.samples(folder)[0]
    return default, Dataset(samples, {entry.sha256: entry for entry in make_manifest(samples)})


def test_three_labels_make_a_classifier_with_a_heatmap_for_each(folder, tmp_path):
    default, dataset = begun(Bars, folder, tmp_path)
    default.export(default.train(dataset, tmp_path / "run", epochs=1), dataset, tmp_path / "artifact")
    module = module_of(tmp_path, default)
    analysis = analyse((folder / "Square" / "0.png").read_bytes(), module)
    assert set(analysis.prediction.probabilities) == set(LABELS[Bars])
    assert sum(analysis.prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert analysis.output.heatmaps.shape == (8, 8, 3)
    assert list(module.card.calibration.parameters) == ["temperature"]
    assert list(module.card.decision.thresholds) == ["confident"]


def test_two_labels_make_a_binary_classifier_with_an_operating_point(upright, folder):
    default, dataset, place = upright
    default.export(place / "run" / "weights.npz", dataset, place / "artifact")
    module = module_of(place, default)
    analysis = analyse((folder / "upright_bar" / "0.png").read_bytes(), module)
    assert analysis.prediction.label in LABELS[Upright]
    assert set(module.card.decision.thresholds) == {"threshold", "uncertain_from", "uncertain_to"}


def test_a_network_that_learned_the_contrary_is_not_exported(upright, tmp_path):
    default, dataset, place = upright
    upright_bar, lying_bar = LABELS[Upright]
    other = {upright_bar: lying_bar, lying_bar: upright_bar}
    contrary = Dataset([replace(s, class_name=other[s.class_name]) for s in dataset.samples], dataset.entries)
    with pytest.raises(ArtifactError, match="cannot be calibrated"):
        default.export(place / "run" / "weights.npz", contrary, tmp_path)


def test_the_first_data_set_that_is_trained_on_makes_the_split_and_later_scans_must_be_of_it(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(recipe, "MANIFESTS", tmp_path)
    default = DefaultRecipe(Bars, about(Bars))
    samples, unreadable = default.samples(folder)
    assert (len(samples), unreadable) == (120, 0)
    with pytest.raises(KeyError):
        default.divide(samples)
    assert not default.manifest.exists()
    default.begin(samples[1:])
    default.begin(samples)
    entries = read_manifest(default.manifest)
    assert {entry.split for entry in entries.values()} == {"train", "validation", "test"}
    with pytest.raises(KeyError):
        default.divide(samples)
    assert read_manifest(default.manifest) == entries


def test_figures_are_kept_while_the_engine_stays_but_warnings_only_while_the_reference_stays_too(upright, tmp_path):
    default, dataset, place = upright
    figures = {"test": {"n": 1}, "out_of_distribution": {"noise": 1.0}}

    def exported(**changes: object) -> dict[str, object]:
        card = read_card(tmp_path)
        card.model_copy(update={"metrics": figures, **changes}).write(tmp_path / CARD)
        default.export(place / "run" / "weights.npz", dataset, tmp_path)
        return read_card(tmp_path).metrics

    default.export(place / "run" / "weights.npz", dataset, tmp_path)
    assert exported() == figures
    others = read_card(tmp_path).files | {REFERENCE: "0" * 64}
    assert exported(files=others) == {"test": {"n": 1}}
    assert exported(version="0" * 12) == {}


def test_what_is_not_proved_is_not_written(upright, tmp_path, monkeypatch):
    def disagree(*_: object) -> None:
        raise ArtifactError("they do not agree")

    default, dataset, place = upright
    monkeypatch.setattr(default_recipe, "prove", disagree)
    with pytest.raises(ArtifactError):
        default.export(place / "run" / "weights.npz", dataset, tmp_path / "artifact")
    assert not (tmp_path / "artifact").exists()


def test_folders_that_are_no_labels_are_named_as_the_fault(tmp_path):
    (tmp_path / "circle").mkdir()
    (tmp_path / "circle" / "0.png").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="lying_bar, square, upright_bar"):
        DefaultRecipe(Bars, about(Bars)).samples(tmp_path)


@pytest.mark.parametrize(("side", "positions"), [(8, 8), (16, 8), (28, 7), (64, 8), (100, 12)])
def test_the_heatmap_is_as_fine_for_any_size(side, positions):
    network = build(side, 3)
    assert network.get_layer(ends(side)[-1]).output.shape[1:3] == (positions, positions)


def test_an_interrupted_run_goes_on_after_its_last_epoch(tmp_path):
    rng = np.random.default_rng(0)
    labelled = Labelled(rng.integers(0, 256, (8, 8, 8)).astype(np.uint8), np.arange(8) % 2)
    keras.utils.set_random_seed(0)
    for epochs in (1, 3):
        fit(build(8, 1), labelled, labelled, tmp_path, epochs)
    with (tmp_path / "epochs.csv").open(newline="") as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == [1, 2, 3]
