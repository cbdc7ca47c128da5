"""One tiny training serves the modules of the evidence network: from the folders of sources to artifacts and cards."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from imip.explain.heatmap import encode_png
from imip.inference.artifact import CARD, read_artifact
from imip.inference.card import Card
from imip.inference.predictor import analyse
from imip.modules import load
from tests.support.bright_network import BRIGHTNESS, bright_network
from tests.support.commands import said
from tests.support.lesions import DISC, slice_of_head
from tests.support.runs import epochs
from tests.support.sources import draw_sources, entries
from training import recipe
from training.data.brain import SOURCES
from training.data.split import read_manifest, write_manifest
from training.evaluation.by_source import HEAD
from training.evidence import training
from training.export import figures
from training.recipes import find
from training.recipes.brain_evidence import LEAST

RUN = Path("runs", "brain-evidence")
ARTIFACT = RUN / "artifacts" / "brain-lesion"
SHIPPED = Path("models", "brain-lesion")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which `imip train brain-lesion` was run for an epoch of one batch, and its artifact was shipped."""
    place = tmp_path_factory.mktemp("evidence")
    draw_sources(place / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("BENTOML_HOME", str(place / "bentoml"))
        patch.setattr(recipe, "MANIFESTS", place)
        patch.setattr(recipe, "ROOT", place)
        patch.setattr(figures, "PAGES", place / "pages")
        patch.setattr(training, "DRAWN", 32)
        patch.setattr(training, "POLICY", "float32")
        patch.setattr(training, "build", bright_network)
        lesion = find("brain-lesion")
        write_manifest(entries(lesion.samples(Path("data"))[0]), lesion.manifest)
        assert "Added to the model store" in said("train", "brain-lesion", "--data", "data", "--epochs", "1")
        shutil.copytree(ARTIFACT, SHIPPED)
        (place / "pages").mkdir()
        yield place


@pytest.mark.usefixtures("place")
def test_a_run_keeps_its_epochs_and_weights() -> None:
    (row,) = epochs(RUN)
    assert 0 < row["loss"] < 20 and 0 < row["val_loss"] < 20
    assert (RUN / "weights.npz").exists()


@pytest.mark.usefixtures("place")
def test_the_artifact_has_all_that_regions_and_warnings_need() -> None:
    artifact = read_artifact(ARTIFACT)
    card = artifact.card
    assert (card.module, card.heatmap, card.labels) == ("brain-lesion", "evidence", ("Lesion", "No Lesion"))
    assert set(card.decision.thresholds) == {"threshold", "uncertain_from", "uncertain_to", "region"}
    assert {"slope", "intercept", "region_slope", "region_intercept"} == set(card.calibration.parameters)
    assert card.out_of_distribution.foreign == LEAST
    parts = [entry.split for entry in read_manifest(find("brain-lesion").manifest).values()]
    assert len(artifact.reference) == parts.count("validation")


@pytest.mark.usefixtures("place")
def test_a_lesion_is_answered_where_it_is_and_a_head_without_one_has_none() -> None:
    module = load(ARTIFACT)
    found = analyse(encode_png(slice_of_head(900, DISC)), module).prediction
    row, column, radius = DISC
    (region,) = found.regions
    assert (found.label, region.confidence > 0.7) == ("Lesion", True)
    assert (region.centroid.row, region.centroid.column) == pytest.approx((row, column), abs=2)
    assert region.box.bottom - region.box.top == pytest.approx(2 * radius, abs=4)
    healthy = analyse(encode_png(slice_of_head(901)), module).prediction
    assert (healthy.label, healthy.regions, healthy.warnings) == ("No Lesion", (), ())


@pytest.mark.usefixtures("place")
def test_the_card_says_how_it_does_on_each_source() -> None:
    said("evaluate", "brain-lesion", "--data", "data", "--artifact", SHIPPED, "--write-card")
    metrics = Card.read(SHIPPED / CARD).metrics
    assert metrics["test"]["metrics"]["roc_auc"]["value"] == 1
    rows = {
        row[0]: dict(zip(HEAD, row, strict=True)) for row in metrics["tables"]["sources"]["rows"] if row[1] == "all"
    }
    assert list(rows) == list(SOURCES)
    for source in ("brain-tumor-mri", "lgg-du", "lgg-ht"):
        assert rows[source]["AUC"]["value"] == rows[source]["Peak on tumor"]["value"] == 1
        assert rows[source]["Dice"]["value"] > 0.75
    assert rows["ms-ljubljana"]["AUC"] is None and rows["ms-ljubljana"]["Specificity"]["value"] == 1
    assert "| lgg-ht |" in Path("pages", "brain-lesion.md").read_text(encoding="utf-8")


def test_a_source_left_out_is_judged_whole_and_kept_on_the_card(place: Path) -> None:
    run = Path(shutil.copytree(RUN, RUN.with_name("brain-evidence-without-lgg-ht")))
    card = run / "artifacts" / "brain-lesion" / CARD
    arguments = ["evaluate", "brain-lesion", "--data", "data"]
    assert "not made by a training without lgg-ht" in said(*arguments, "--leave-out", "lgg-ht", status=1)
    Card.read(card).model_copy(update={"trained_without": "lgg-ht"}).write(card)
    shown = said(*arguments, "--leave-out", "lgg-ht", "--write-card")
    assert "| lgg-ht | all | 15 | 10 | 5 | 1.0000" in shown and "lgg-du" not in shown
    left_out = Card.read(SHIPPED / CARD).metrics["left_out"]
    assert (list(left_out), left_out["lgg-ht"]["measure"]) == (["lgg-ht"], "dice")
    assert left_out["lgg-ht"]["value"] > 0.9
    said(*arguments, "--artifact", SHIPPED, "--write-card")
    assert Card.read(SHIPPED / CARD).metrics["left_out"] == left_out
    page = (place / "pages" / "brain-lesion.md").read_text(encoding="utf-8")
    assert "each source left out of training in turn, the worst first: lgg-ht dice" in " ".join(page.split())


@pytest.mark.usefixtures("place")
def test_scans_of_other_sources_alone_cannot_be_judged_as_the_one_left_out() -> None:
    arguments = ["--leave-out", "lgg-ht", "--artifact", ARTIFACT]
    assert "None of these scans is of lgg-ht." in said(
        "evaluate", "brain-lesion", "--data", Path("data", "healthy-t1"), *arguments, status=1
    )


@pytest.fixture
def own(place: Path, tmp_path: Path) -> Path:
    """A user's own folder of eight slices."""
    for number in range(8):
        folder = tmp_path / ("yes" if number % 2 else "no")
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), slice_of_head(800 + number, DISC if number % 2 else None))
    return tmp_path


def test_a_users_own_folder_can_be_evaluated_and_leaves_the_card_as_it_is(own: Path) -> None:
    shown = said("evaluate", "brain-lesion", "--data", own, "--artifact", ARTIFACT)
    assert "8 scans" in shown and "false negative rate" in shown
    before = (ARTIFACT / CARD).read_text()
    refused = said("evaluate", "brain-lesion", "--data", own, "--artifact", ARTIFACT, "--write-card", status=1)
    assert "test part" in refused
    assert (ARTIFACT / CARD).read_text() == before


@pytest.mark.usefixtures("place")
def test_the_same_weights_make_a_module_that_says_which_tumor_it_is() -> None:
    out = RUN / "artifacts" / "brain-tumor-type"
    said("export", "brain-tumor-type", "--data", "data", "--weights", RUN / "weights.npz", "--out", out)
    module = load(out)
    assert {"slope", "intercept", "temperature", "region_slope", "region_intercept"} == set(
        module.card.calibration.parameters
    )
    for name, bright in BRIGHTNESS.items():
        prediction = analyse(encode_png(slice_of_head(700, DISC, bright)), module).prediction
        assert prediction.label == name.capitalize()
        assert len(prediction.regions) == 1
    assert analyse(encode_png(slice_of_head(701)), module).prediction.label == "No Tumor"
