"""The default recipe: from folders named as a module's labels to an artifact, for two labels and for three."""

from dataclasses import replace
from pathlib import Path

import pytest

from imip.errors import ArtifactError
from imip.inference.artifact import CARD, REFERENCE, read_artifact, read_card
from imip.inference.module import AnalysisModule
from imip.inference.predictor import analyse
from tests.support.bars import LABELS, Bars, Upright, draw_bars, recipe_of
from training.data.split import Dataset, split
from training.recipes import default as default_recipe
from training.recipes.default import DefaultRecipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return draw_bars(tmp_path_factory.mktemp("scans"))


@pytest.fixture(scope="module")
def upright(folder, tmp_path_factory) -> tuple[DefaultRecipe, Dataset, Path]:
    """The default recipe of two labels, its data set and the folder of a run of a few epochs."""
    place = tmp_path_factory.mktemp("upright")
    default, dataset = begun(Upright, folder)
    default.train(dataset, place / "run", epochs=12)
    return default, dataset, place


def begun(module: type[AnalysisModule], folder: Path) -> tuple[DefaultRecipe, Dataset]:
    default = recipe_of(module)
    samples = default.samples(folder)[0]
    return default, Dataset(samples, {entry.sha256: entry for entry in split(samples, default.group(samples))})


def module_of(place: Path, default: DefaultRecipe) -> AnalysisModule:
    return default.module(read_artifact(place / "artifact"))


def test_three_labels_make_a_classifier_with_a_heatmap_for_each(folder, tmp_path):
    default, dataset = begun(Bars, folder)
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
