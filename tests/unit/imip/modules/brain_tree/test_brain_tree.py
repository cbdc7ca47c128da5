"""The decision tree as a module: its answer, its reasons and its heatmap agree."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from imip.errors import ArtifactError
from imip.explain.explanation import explain
from imip.explain.heatmap import encode_png
from imip.explain.overlay import draw_overlay
from imip.inference.artifact import read_artifact
from imip.inference.predictor import analyse
from imip.modules import load
from imip.modules.brain_tree import EMPTY_HEATMAP, MEASURES, BrainTree
from imip.modules.brain_tree.tree import LEAF, Tree
from tests.support.heads import head
from tests.support.server import REPOSITORY

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
