"""The module `brain-anomaly` has three outcomes, and says why."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from imip.errors import ArtifactError
from imip.explain.explanation import explain
from imip.explain.heatmap import encode_png
from imip.inference.artifact import Artifact, read_artifact
from imip.inference.card import Card
from imip.inference.output import Output
from imip.inference.predictor import analyse
from imip.modules import load
from imip.modules.brain_anomaly import BrainAnomaly
from imip.scan.read import read_scan
from tests.support.server import REPOSITORY

ARTIFACT = REPOSITORY / "models" / "brain-anomaly"
SCAN = (REPOSITORY / "samples" / "brain-axial-lesion.png").read_bytes()


@pytest.fixture(scope="module")
def module() -> BrainAnomaly:
    loaded = load(ARTIFACT)
    assert isinstance(loaded, BrainAnomaly)
    return loaded


@pytest.fixture(scope="module")
def output(module: BrainAnomaly) -> Output:
    return analyse(SCAN, module).output


def altered(**parts: dict[str, dict[str, float]]) -> Artifact:
    """The shipped artifact with some numbers of its card replaced."""
    artifact = read_artifact(ARTIFACT)
    card = artifact.card.model_dump()
    for part, fields in parts.items():
        for field, numbers in fields.items():
            card[part][field] |= numbers
    return replace(artifact, card=Card.model_validate(card))


def at(output: Output, module: BrainAnomaly, anomaly: float) -> Output:
    """The output at another P(Anomaly), with measures that give it."""
    platt = module.card.calibration.parameters
    score = (np.log(anomaly / (1 - anomaly)) - platt["intercept"]) / platt["slope"]
    probabilities = np.array([anomaly, 1 - anomaly], np.float32)
    return replace(output, probabilities=probabilities, measures=np.array([score + 1, score - 1], np.float32))


def test_a_slice_is_confidently_normal_borderline_or_confidently_an_anomaly(module, output):
    lowest, highest = (module.card.decision.at(name) for name in ("uncertain_from", "uncertain_to"))
    below, between, beyond = (
        module.decide(at(output, module, p)) for p in (lowest / 2, (lowest + highest) / 2, (1 + highest) / 2)
    )
    assert (below.label, below.certainty) == ("Normal", "confident")
    assert (between.label, between.certainty) == ("Borderline", "uncertain")
    assert (beyond.label, beyond.certainty) == ("Anomaly", "confident")


def test_a_borderline_answer_is_as_sure_as_its_likelier_label_and_says_that_it_settles_nothing(module, output):
    lowest, highest = (module.card.decision.at(name) for name in ("uncertain_from", "uncertain_to"))
    decision = module.decide(at(output, module, (lowest + highest) / 2))
    assert decision.confidence == pytest.approx(max(decision.probabilities.values()))
    assert decision.advice is not None and "settles nothing" in decision.advice


def test_nothing_is_called_normal_that_is_more_probably_an_anomaly(module):
    assert module.card.decision.at("uncertain_from") <= 0.5


def test_the_reasons_are_both_measures_and_what_their_mean_was_asked(module, output):
    lowest, highest = (module.card.decision.at(name) for name in ("uncertain_from", "uncertain_to"))
    for anomaly, label, answers in (
        (highest + 0.01, "Anomaly", ["above"]),
        (highest - 0.01, "Borderline", ["at most", "at least"]),
        (lowest + 0.01, "Borderline", ["at most", "at least"]),
        (lowest - 0.01, "Normal", ["at most", "below"]),
    ):
        decision = module.decide(at(output, module, anomaly))
        error, distance, *asked = decision.reasons
        assert decision.label == label
        assert [reason.compared for reason in asked] == answers
        for reason in asked:
            assert reason.value == pytest.approx((error.value + distance.value) / 2, abs=1e-5)
            assert (reason.value > reason.threshold) is (reason.compared in ("above", "at least"))
            assert f"is {reason.compared} {reason.threshold:.3g}" in reason.text
        assert error.text.startswith(f"reconstruction error {abs(error.value):.1f} standard deviations")
        assert (error.threshold, distance.threshold) == (None, None)


@pytest.mark.parametrize("name", ["uncertain_from", "uncertain_to"])
@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_a_limit_that_no_score_reaches_is_refused(name, limit):
    with pytest.raises(ArtifactError, match="no score"):
        BrainAnomaly(altered(decision={"thresholds": {name: limit}}))


def test_a_calibration_that_lacks_a_parameter_or_has_no_slope_is_refused():
    lacking = altered()
    lacking.card.calibration.parameters.pop("intercept")
    with pytest.raises(ArtifactError, match="no calibration parameter 'intercept'"):
        BrainAnomaly(lacking)
    with pytest.raises(ArtifactError, match="no score"):
        BrainAnomaly(altered(calibration={"parameters": {"slope": 0.0}}))
    with pytest.raises(ValidationError, match="finite"):
        altered(calibration={"parameters": {"slope": float("nan")}})


def test_a_dimmer_scan_of_less_contrast_gets_the_same_answer(module, output):
    dimmer = encode_png(cv2.convertScaleAbs(read_scan(SCAN).pixels, alpha=0.7))
    assert analyse(dimmer, module).output.probabilities[0] == pytest.approx(output.probabilities[0], abs=0.05)


def test_the_sample_with_a_mass_scores_higher_and_its_error_is_largest_in_the_mass(module, output):
    healthy = (REPOSITORY / "samples" / "brain-axial.png").read_bytes()
    assert output.probabilities[0] > analyse(healthy, module).output.probabilities[0] + 0.3
    row, column = explain(analyse(SCAN, module)).heatmap.peak
    painted = cv2.absdiff(read_scan(SCAN).pixels, read_scan(healthy).pixels)
    assert painted[row, column] > 20


def test_a_blank_picture_gets_a_finite_answer(module):
    prediction = analyse(encode_png(np.zeros((64, 64), np.uint8)), module).prediction
    assert np.isfinite([prediction.confidence, *(reason.value for reason in prediction.reasons)]).all()
