"""From an output to a decision: threshold, uncertain band, and which embedding is foreign."""

import numpy as np
import pytest

from imip.inference.artifact import read_artifact
from imip.inference.module import AnalysisModule
from imip.inference.output import Output
from imip.modules import load
from tests.support.server import REPOSITORY

BRAIN_TUMOR = REPOSITORY / "models" / "brain-tumor"
REFERENCE = read_artifact(BRAIN_TUMOR).reference


@pytest.fixture(scope="module")
def module() -> AnalysisModule:
    return load(BRAIN_TUMOR)


def output(tumor: float, embedding: np.ndarray | None = None) -> Output:
    """What a graph that gives a tumor this probability would answer."""
    known = REFERENCE.mean(axis=0) if embedding is None else embedding
    probabilities = np.array([tumor, 1 - tumor], np.float64)  # type: ignore[assignment]
    return Output(probabilities, known, np.zeros((4, 4, 2), np.float32))  # type: ignore[arg-type]


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
