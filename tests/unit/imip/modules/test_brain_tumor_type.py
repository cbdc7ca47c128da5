"""The type of a tumor: decided in two stages, and explained stage by stage."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imip.inference.artifact import read_artifact, read_card
from imip.inference.decision import Decision
from imip.inference.output import Output
from imip.inference.predictor import analyse
from imip.inference.preprocessing import ModelInput, Region
from imip.modules import load
from imip.modules.brain_tumor_type import AMBIGUOUS, BrainTumorType, choose_label
from imip.scan.read import read_scan
from tests.support.evidence import blob
from tests.support.scan_files import picture_bytes

ROOT = Path(__file__).parents[4]
ARTIFACT = ROOT / "models" / "brain-tumor-type"
LABELS = read_card(ARTIFACT).labels
THRESHOLDS = {"No Tumor": 0.8, "Meningioma": 0.6, "Glioma": 0.5, "Pituitary": 0.4}


@pytest.fixture(scope="module")
def module() -> BrainTumorType:
    found = load(ARTIFACT)
    assert isinstance(found, BrainTumorType)
    return found


@pytest.fixture(scope="module")
def deciding() -> BrainTumorType:
    """The module with thresholds that do not change with its training."""
    artifact = read_artifact(ARTIFACT)
    artifact.card.decision.thresholds.update(THRESHOLDS)
    return BrainTumorType(artifact)


@pytest.mark.parametrize(
    ("probabilities", "answer"),
    [
        ((0.8, 0.2, 0.0, 0.0), "No Tumor"),  # a threshold is reached at its very value
        ((0.79, 0.21, 0.0, 0.0), AMBIGUOUS),
        ((0.0, 0.6, 0.4, 0.0), "Meningioma"),
        ((0.0, 0.59, 0.41, 0.0), AMBIGUOUS),
        ((0.0, 0.5, 0.5, 0.0), AMBIGUOUS),  # of equals the first, which has the higher threshold
        ((0.5, 0.05, 0.05, 0.4), "Pituitary"),  # likelier healthy, yet not likely enough
    ],
)
def test_healthy_is_decided_first_then_the_likeliest_type(probabilities, answer):
    assert choose_label(dict(zip(LABELS, probabilities, strict=True)), THRESHOLDS) == answer


def decided(module: BrainTumorType, *probabilities: float) -> Decision:
    maps = np.zeros((7, 7, 4), np.float32)
    return module.decide(Output(np.array(probabilities, np.float32), np.zeros(1, np.float32), maps))


def test_an_ambiguous_slice_names_no_label_and_sends_to_a_physician(deciding):
    decision = decided(deciding, 0.25, 0.25, 0.24, 0.26)
    assert (decision.label, decision.certainty) == ("Ambiguous", "uncertain")
    assert decision.confidence == pytest.approx(0.26) and decision.heatmap == LABELS.index("Pituitary")
    assert decision.advice is not None and "physician" in decision.advice
    assert [reason.measure for reason in decision.reasons] == ["probability of No Tumor", "probability of Pituitary"]
    assert all(reason.value < reason.threshold and "misses" in reason.text for reason in decision.reasons)


def test_an_answer_comes_with_the_stages_that_led_to_it(deciding):
    glioma, healthy = decided(deciding, 0.01, 0.0, 0.99, 0.0), decided(deciding, 1.0, 0.0, 0.0, 0.0)
    assert (glioma.label, glioma.certainty, glioma.advice) == ("Glioma", "confident", None)
    assert [reason.value >= reason.threshold for reason in glioma.reasons] == [False, True]
    assert [reason.compared for reason in glioma.reasons] == ["below", "at least"]
    assert healthy.label == "No Tumor"
    assert len(healthy.reasons) == 1


def test_a_probability_on_its_threshold_is_at_least_that():
    artifact = read_artifact(ARTIFACT)
    artifact.card.decision.thresholds["No Tumor"] = 0.5
    decision = decided(BrainTumorType(artifact), 0.5, 0.5, 0.0, 0.0)
    (reason,) = decision.reasons
    assert (decision.label, reason.value, reason.compared) == ("No Tumor", reason.threshold, "at least")


def test_a_picture_that_is_no_scan_gets_the_warning(module):
    noise = np.random.default_rng(0).integers(0, 256, (224, 224)).astype(np.uint8)
    assert "out_of_distribution" in analyse(picture_bytes(Image.fromarray(noise), "PNG"), module).prediction.warnings


def outlined(module: BrainTumorType, probabilities: tuple[float, ...], height: float) -> int:
    """How many regions an answer has whose evidence is a blob, all of it of one type."""
    evidence = blob(20, 40, height=height)
    maps = np.stack([evidence, evidence * 0, evidence * 0.9, evidence * 0.1], axis=-1)
    output = Output(np.array(probabilities, np.float32), np.zeros(320, np.float32), maps)
    scan = read_scan(picture_bytes(Image.new("L", (128, 128), 90), "PNG"))
    model_input = ModelInput(scan.pixels, Region(0, 0, 128, 128), (128, 128))
    return len(module.regions(output, module.decide(output), model_input, scan, {"foreground_ratio": 1.0}))


@pytest.mark.parametrize(
    ("probabilities", "height", "regions"),
    [
        ((0.01, 0.01, 0.97, 0.01), 0.95, 1),
        ((0.01, 0.97, 0.01, 0.01), 0.95, 1),  # what the type leaves of the evidence is no matter
        ((0.01, 0.01, 0.97, 0.01), 0.2, 1),  # a type must lie somewhere
        ((0.95, 0.02, 0.02, 0.01), 0.95, 0),
        ((0.1, 0.3, 0.31, 0.29), 0.95, 1),  # Ambiguous, and something is there
        ((0.1, 0.3, 0.31, 0.29), 0.2, 0),  # Ambiguous, and nothing reaches the threshold
        ((0.6, 0.2, 0.1, 0.1), 0.95, 0),  # Ambiguous, yet most probably nothing is there
    ],
)
def test_regions_are_of_the_whole_evidence_and_an_abstention_may_have_none(deciding, probabilities, height, regions):
    assert outlined(deciding, probabilities, height) == regions
