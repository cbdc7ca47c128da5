"""From an output to a decision: threshold, uncertain band, and which scans are unknown."""

from dataclasses import replace

import numpy as np
import pytest

from imip.inference.artifact import read_artifact
from imip.inference.module import AnalysisModule
from imip.inference.output import Output
from imip.modules import load
from imip.modules.brain_tumor import BrainTumor
from tests.support.server import REPOSITORY

BRAIN_TUMOR = REPOSITORY / "models" / "brain-tumor"
REFERENCE = read_artifact(BRAIN_TUMOR).reference


@pytest.fixture(scope="module")
def module() -> AnalysisModule:
    return load(BRAIN_TUMOR)


def output(tumor: float, embedding: np.ndarray | None = None, foreign: float | None = None) -> Output:
    """What a graph that gives a tumor, and a foreign picture if it computes that, these probabilities would answer."""
    known = REFERENCE.mean(axis=0) if embedding is None else embedding
    probabilities = np.array([tumor, 1 - tumor], np.float64)  # type: ignore[assignment]
    measures = None if foreign is None else np.array([foreign], np.float32)
    return Output(probabilities, known, np.zeros((4, 4, 2), np.float32), measures)  # type: ignore[arg-type]


def test_the_threshold_itself_is_a_tumor_and_just_below_is_not(module: AnalysisModule) -> None:
    threshold = module.card.decision.at("threshold")
    at = module.decide(output(threshold))
    below = module.decide(output(threshold - 1e-9))
    assert (at.label, at.heatmap, at.confidence) == ("Tumor", 0, threshold)
    assert (below.label, below.heatmap) == ("No Tumor", 1)
    assert below.confidence == pytest.approx(1 - threshold)


@pytest.mark.parametrize(("edge", "step"), [("uncertain_from", -1e-9), ("uncertain_to", 1e-9)])
def test_the_uncertain_band_includes_its_edges(module: AnalysisModule, edge: str, step: float) -> None:
    at = module.card.decision.at(edge)
    assert module.decide(output(at)).certainty == "uncertain"
    assert module.decide(output(at + step)).certainty == "confident"


@pytest.mark.parametrize("tumor", [0.0, 1.0])
def test_certainty_is_certain(module: AnalysisModule, tumor: float) -> None:
    decision = module.decide(output(tumor))
    assert (decision.confidence, decision.certainty) == (1.0, "confident")
    assert decision.label == ("Tumor" if tumor else "No Tumor")
    assert dict(decision.probabilities) == {"Tumor": tumor, "No Tumor": 1 - tumor}


def test_a_foreign_embedding_gets_a_warning_and_a_known_one_does_not(module: AnalysisModule) -> None:
    assert not module.is_out_of_distribution(output(0.5))
    assert module.is_out_of_distribution(output(0.5, REFERENCE.mean(axis=0) + 1000 * REFERENCE.std() + 1000))


def recognising_foreign_pictures(above: float | None) -> AnalysisModule:
    artifact = read_artifact(BRAIN_TUMOR)
    rule = artifact.card.out_of_distribution.model_copy(update={"foreign": above})
    return BrainTumor(replace(artifact, card=artifact.card.model_copy(update={"out_of_distribution": rule})))


def test_a_picture_that_the_model_finds_foreign_gets_a_warning_though_its_embedding_is_known() -> None:
    module = recognising_foreign_pictures(above=0.75)
    assert module.is_out_of_distribution(output(0.5, foreign=0.76))
    assert not module.is_out_of_distribution(output(0.5, foreign=0.75))


def test_an_embedding_far_off_gets_a_warning_though_the_model_finds_nothing_foreign() -> None:
    module = recognising_foreign_pictures(above=0.75)
    assert module.is_out_of_distribution(output(0.5, REFERENCE.mean(axis=0) + 1000, foreign=0.0))


def test_measures_of_something_else_give_no_warning() -> None:
    assert not recognising_foreign_pictures(above=None).is_out_of_distribution(output(0.5, foreign=1.0))
    assert not recognising_foreign_pictures(above=0.75).is_out_of_distribution(output(0.5))
