"""The decision tree as a module: its answer, its reasons and its heatmap agree; and how it is grown, tiny."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cli.app import app
from imip.errors import ArtifactError
from imip.explain.explanation import explain
from imip.explain.heatmap import encode_png
from imip.explain.overlay import draw_overlay
from imip.inference.artifact import read_artifact, version
from imip.inference.predictor import analyse
from imip.modules import load
from imip.modules.brain_tree import EMPTY_HEATMAP, MEASURES, BrainTree
from imip.modules.brain_tree.tree import LEAF, Tree
from tests.support.heads import head
from tests.support.server import REPOSITORY
from training import recipe
from training.calibration import Temperature
from training.export import figures
from training.recipes import brain_tree as brain_tree_recipe
from training.recipes import find
from training.recipes.brain_tree import growth, looks

ARTIFACT = REPOSITORY / "models" / "brain-tree"
SCANS = [REPOSITORY / "samples" / name for name in ("brain-axial.png", "brain-axial-lesion.png")]


@pytest.fixture(scope="module")
def module() -> BrainTree:
    return load(ARTIFACT)


def question(measure: str) -> BrainTree:
    """A module that asks for one measure only, above and below which two labels are likely."""
    shares = np.array([[0.25, 0.25, 0.25, 0.25], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1]], np.float32)
    tree = Tree(
        measures=np.array(MEASURES),
        measure=np.array([MEASURES.index(measure), LEAF, LEAF], np.int32),
        threshold=np.array([1e-4, 0, 0]),
        left=np.array([1, LEAF, LEAF], np.int32),
        right=np.array([2, LEAF, LEAF], np.int32),
        shares=shares,
        mean=np.zeros(len(MEASURES), np.float32),
        scale=np.ones(len(MEASURES), np.float32),
    )
    return BrainTree(replace(read_artifact(ARTIFACT), engine=tree.to_bytes()))


@pytest.mark.parametrize("scan", SCANS, ids=lambda path: path.stem)
def test_the_path_leads_from_the_measures_to_the_answer(module: BrainTree, scan: Path) -> None:
    analysis = analyse(scan.read_bytes(), module)
    decision = analysis.prediction
    assert decision.reasons and decision.confidence == max(decision.probabilities.values())
    for reason in decision.reasons:
        assert reason.compared == ("above" if reason.value > reason.threshold else "at most")
        assert f" is {reason.compared} " in reason.text
        if reason.measure in analysis.prediction.features:
            assert reason.value == pytest.approx(analysis.prediction.features[reason.measure], rel=1e-5)


def test_it_is_confident_from_the_cards_threshold_on(module: BrainTree) -> None:
    confident = module.card.decision.thresholds["confident"]
    for seed in range(12):
        decision = module.decide(analyse(encode_png(head(seed)), module).output)
        assert (decision.certainty == "confident") == (decision.confidence >= confident)


def test_what_surrounds_the_head_does_not_change_the_answer(module: BrainTree) -> None:
    pixels = analyse(SCANS[1].read_bytes(), module).scan.pixels
    alone, padded = (analyse(encode_png(np.pad(pixels, margin)), module).prediction for margin in (0, 4))
    assert padded.label == alone.label
    assert padded.probabilities == pytest.approx(alone.probabilities, abs=1e-6)


def test_the_heatmap_is_laid_on_the_head(module: BrainTree) -> None:
    analysis = analyse(SCANS[1].read_bytes(), module)
    heatmap = explain(analysis).heatmap
    assert heatmap.peak is not None and analysis.prediction.advice is None
    assert analysis.scan.pixels[heatmap.values > 0.5].mean() > 30


def test_a_path_without_a_place_has_an_empty_heatmap_and_says_so() -> None:
    analysis = analyse(SCANS[0].read_bytes(), question("foreground_aspect"))
    assert explain(analysis).heatmap.peak is None
    assert analysis.prediction.advice == EMPTY_HEATMAP
    placed = analyse(SCANS[0].read_bytes(), question("lbp_1_4"))
    assert explain(placed).heatmap.peak is not None and placed.prediction.advice is None


def test_the_picture_shows_the_path_below_the_slice(module: BrainTree) -> None:
    analysis = analyse(SCANS[1].read_bytes(), module)
    explanation = explain(analysis)
    drawn = cv2.imdecode(np.frombuffer(explanation.overlay, np.uint8), cv2.IMREAD_COLOR)
    plain = draw_overlay(analysis.scan.pixels, explanation.heatmap)
    assert np.array_equal(drawn[: len(plain), : plain.shape[1]], plain)
    assert len(drawn) > len(plain) + 40 * len(analysis.prediction.reasons)


def test_the_shipped_tree_is_the_one_that_the_shipped_weights_and_calibration_make(module: BrainTree) -> None:
    temperature = Temperature(**module.card.calibration.parameters)
    tree = brain_tree_recipe.make(brain_tree_recipe.read(find("brain-tree").weights), temperature)
    assert version(tree.to_bytes()) == module.card.version


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (300, 2), (64, 64)])
def test_a_blank_picture_of_any_shape_is_answered(module: BrainTree, shape: tuple[int, int], value: int) -> None:
    analysis = analyse(encode_png(np.full(shape, value, np.uint8)), module)
    assert sum(analysis.prediction.probabilities.values()) == pytest.approx(1)
    assert all(np.isfinite(list(analysis.prediction.features.values())))


def test_an_engine_that_is_no_tree_is_refused() -> None:
    with pytest.raises(ArtifactError, match="cannot be read"):
        BrainTree(replace(read_artifact(ARTIFACT), engine=b"no tree"))


def test_a_tree_of_other_measures_or_labels_is_refused() -> None:
    artifact = read_artifact(ARTIFACT)
    tree = Tree.read(artifact.engine)
    for other in ({"measures": tree.measures[::-1]}, {"shares": np.full((len(tree.shares), 2), 0.5, np.float32)}):
        with pytest.raises(ArtifactError, match="other measures or labels"):
            BrainTree(replace(artifact, engine=replace(tree, **other).to_bytes()))


def test_a_look_keeps_the_slice_and_is_the_same_each_time() -> None:
    pixels = head(3)
    for look in looks.LOOKS:
        changed = look.change(pixels, look.measured)
        assert np.array_equal(changed, look.change(pixels, look.measured))
        back = cv2.resize(changed, pixels.shape[::-1], interpolation=cv2.INTER_CUBIC)
        assert not np.array_equal(back, pixels)
        assert np.corrcoef(back.ravel(), pixels.ravel())[0, 1] > 0.95


def test_the_shallowest_depth_that_is_as_good_as_the_best_is_chosen() -> None:
    folds = np.array([-0.02, 0.02])
    means = np.array([0.4, 0.5, 0.59, 0.6, 0.6, 0.61, 0.6, 0.6, 0.6])
    assert growth.choose(means[:, None] + folds) == 4
    assert growth.choose(means[:, None] + folds / 100) == 7


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a run on 64 drawn heads, whose masses differ by label; with the scans it was grown on."""
    place = tmp_path_factory.mktemp("tree")
    for number, name in enumerate(("glioma", "meningioma", "notumor", "pituitary")):
        (place / "scans" / name).mkdir(parents=True)
        for seed in range(16):
            pixels = head(100 * number + seed)
            if name != "notumor":
                cv2.circle(pixels, (48, 48), 6 + 6 * number, 40 + 60 * number, -1)
            cv2.imwrite(str(place / "scans" / name / f"{seed:02d}.png"), pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(place / "bentoml"))
        patch.setattr(recipe, "MANIFESTS", place)
        patch.setattr(figures, "PAGES", place / "pages")
        patch.setattr(recipe.Recipe, "weights", place / "run" / "weights.npz")
        for name, value in {"DEPTHS": (1, 2, 3), "FOLDS": 2, "FOREST": 3, "SMALLEST_LEAF": 6}.items():
            patch.setattr(growth, name, value)
        data = ["--data", str(place / "scans")]
        for command in (["split", "brain-tree"], ["train", "brain-tree", "--run", str(place / "run")]):
            result = CliRunner().invoke(app, [*command, *data])
            assert result.exit_code == 0, result.output
        assert "same leaf as in scikit-learn's tree" in result.output
        yield place


def test_a_grown_tree_is_served_and_its_reference_is_the_validation_part(grown: Path) -> None:
    artifact = read_artifact(grown / "run" / "artifact")
    assert artifact.reference.shape[1] == len(MEASURES)
    assert analyse(encode_png(head(7)), load(grown / "run" / "artifact")).prediction.reasons


def test_its_card_tells_what_it_was_chosen_by_what_it_leans_on_and_what_shakes_it(grown: Path) -> None:
    (grown / "pages").mkdir(exist_ok=True)
    arguments = ["--data", str(grown / "scans"), "--artifact", str(grown / "run" / "artifact"), "--write-card"]
    result = CliRunner().invoke(app, ["evaluate", "brain-tree", *arguments])
    assert result.exit_code == 0, result.output
    tables = load(grown / "run" / "artifact").card.metrics["tables"]
    assert set(tables) == {"depth", "measures", "importance", "looks"}
    assert len(tables["looks"]["rows"]) == len(looks.LOOKS)
    importance = [row[1] for row in tables["importance"]["rows"]]
    assert importance == sorted(importance, reverse=True) and 0.9 < sum(importance) < 1.001
    assert "Gini" in (grown / "pages" / "brain-tree.md").read_text()


def test_arrays_that_part_from_scikit_learns_tree_are_not_shipped(grown: Path) -> None:
    made = find("brain-tree")
    with np.load(made.weights) as arrays:
        altered = dict(arrays)
    altered["threshold"] = altered["threshold"] + np.where(altered["measure"] >= 0, 1e6, 0)
    np.savez(grown / "altered.npz", **altered)
    with pytest.raises(ArtifactError, match="do not ship"):
        made.export(grown / "altered.npz", made.divide(made.samples(grown / "scans")[0]), grown / "altered")
    assert not (grown / "altered").exists()
