"""From an output to a decision, distances to a reference, the path of one scan, and the settings."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr, ValidationError

from imip.errors import FrameOutOfRange, ScanTooLarge
from imip.explain.explanation import explain
from imip.inference.artifact import read_artifact
from imip.inference.module import AnalysisModule
from imip.inference.out_of_distribution import ReferenceDistance
from imip.inference.output import Output
from imip.inference.predictor import analyse
from imip.modules import MODULES, load
from imip.scan.limits import Limits
from imip.settings import DriftSettings, Settings
from tests.support.scan_files import mr_bytes, picture_bytes, ramp
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


def test_distance_is_zero_at_the_mean_and_counts_standard_deviations() -> None:
    generator = np.random.default_rng(8)
    reference = (generator.normal(size=(4000, 3)) * (1, 2, 3) + (5, 6, 7)).astype(np.float32)
    distance = ReferenceDistance(reference)
    assert distance(reference.mean(axis=0)) == pytest.approx(0, abs=1e-3)
    wide = reference.mean(axis=0) + np.array([0, 0, 9], np.float32)  # three deviations of the widest axis
    assert float(distance(wide)) == pytest.approx(3, rel=0.1)
    assert distance(reference[:7]).shape == (7,)
    assert np.median(distance(reference)) == pytest.approx(1.54, rel=0.1)  # of a chi distribution with 3


def test_distance_copes_with_constant_features_and_few_scans() -> None:
    reference = np.ones((3, 10), np.float32)
    reference[:, 0] = (1, 2, 3)
    distances = ReferenceDistance(reference)(reference)
    assert np.isfinite(distances).all()
    assert np.isfinite(ReferenceDistance(reference[:1])(reference)).all()


def test_an_analysis_times_its_stages_and_explains_itself(module: AnalysisModule) -> None:
    scan = picture_bytes(Image.fromarray(ramp(60, 90)), "PNG")
    analysis = analyse(scan, module)
    assert set(analysis.prediction.seconds) == {"decode", "preprocess", "infer", "measure"}
    explanation = explain(analysis)
    assert explanation.heatmap.values.shape == (60, 90)
    assert explanation.overlay.startswith(b"\x89PNG")
    assert set(explanation.prediction.seconds) == {"decode", "preprocess", "infer", "measure", "explain", "overlay"}
    assert all(0 <= seconds < 60 for seconds in explanation.prediction.seconds.values())


def test_an_analysis_takes_the_frame_and_the_limits_it_is_given(module: AnalysisModule) -> None:
    frames = mr_bytes(np.stack([ramp(), ramp()[::-1], ramp()]))
    assert analyse(frames, module).scan.frame == 1
    assert analyse(frames, module, frame=2).scan.frame == 2
    with pytest.raises(FrameOutOfRange):
        analyse(frames, module, frame=3)
    with pytest.raises(ScanTooLarge):
        analyse(frames, module, limits=Limits(side=10))


def test_warnings_of_the_scan_come_before_those_of_the_module(module: AnalysisModule) -> None:
    analysis = analyse(mr_bytes(ramp(), BurnedInAnnotation="YES"), module)
    assert analysis.prediction.warnings == ("burned_in_annotation", "out_of_distribution")


def test_every_setting_can_be_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "WORKERS": ("3", 3),
        "MODULES": ('["brain-tumor"]', ("brain-tumor",)),
        "MODEL_VERSIONS": ('{"brain-tumor": "abc"}', {"brain-tumor": "abc"}),
        "BURNED_IN": ("refuse", "refuse"),
        "MAX_BODY_BYTES": ("1000", 1000),
        "MAX_SIDE": ("100", 100),
        "MAX_PIXELS": ("5000", 5000),
        "MAX_FRAMES": ("7", 7),
        "MAX_DECODED_BYTES": ("8000", 8000),
        "MAX_INFLATED_BYTES": ("9000", 9000),
        "MAX_IN_FLIGHT": ("4", 4),
        "UPLOAD_SECONDS": ("2.5", 2.5),
        "DATA_FOLDER": ("there", Path("there")),
        "DATABASE_URL": ("postgresql://imip@db/imip", SecretStr("postgresql://imip@db/imip")),
        "LOG_OUTAGE": ("spool", "spool"),
        "JOURNAL_ROWS": ("10", 10),
        "DRIFT_MONITOR": ("off", "off"),
        "DRIFT": ('{"brain-tumor": {"window": 100}}', {"brain-tumor": DriftSettings(window=100)}),
        "RETENTION_DAYS": ("30", 30.0),
        "RETENTION_ROWS": ("1000", 1000),
        "LOG_FORMAT": ("json", "json"),
    }
    assert set(values) == {name.upper() for name in Settings.model_fields}
    for name, (text, _) in values.items():
        monkeypatch.setenv(f"IMIP_{name}", text)
    settings = Settings()
    for name, (_, value) in values.items():
        assert getattr(settings, name.lower()) == value
    assert settings.limits == Limits(
        body_bytes=1000, side=100, pixels=5000, frames=7, decoded_bytes=8000, inflated_bytes=9000
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WORKERS", "many"),
        ("BURNED_IN", "maybe"),
        ("MAX_SIDE", "0"),
        ("MAX_BODY_BYTES", "-1"),
        ("MAX_IN_FLIGHT", "0"),
        ("UPLOAD_SECONDS", "0"),
        ("UPLOAD_SECONDS", "nan"),
        ("LOG_FORMAT", "xml"),
        ("WORKERS", "0"),
        ("WORKERS", "-1"),
        ("MODULES", "[]"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(f"IMIP_{name}", text)
    with pytest.raises(ValidationError, match=re.escape(name.lower())):
        Settings()


def test_the_modules_served_by_default_are_those_shipped_and_an_empty_value_means_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMIP_MODULES", "")
    shipped = {path.parent.name for path in REPOSITORY.glob("models/*/card.yaml")}
    assert set(Settings().modules) == shipped == set(MODULES)


def test_every_setting_says_what_it_is_for_and_defaults_are_the_limits() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
    assert Settings().limits == Limits()


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('{"features": ["colour"]}', "symmetry"),
        ('{"p_value": 0.001}', "2999"),
        ('{"p_value": 0.001, "detectors": ["mmd"]}', "999"),
        ('{"windows": 10}', "Extra inputs"),
        ('{"window": 1}', "greater"),
    ],
)
def test_a_rule_for_drift_that_cannot_work_is_refused_at_the_start(
    rule: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMIP_DRIFT", f'{{"brain-tumor": {rule}}}')
    with pytest.raises(ValidationError, match=told):
        Settings()


def test_a_rule_for_the_drift_of_no_module_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMIP_DRIFT", '{"brain-tumour": {}}')
    with pytest.raises(ValidationError, match="enabled are: brain-tumor"):
        Settings()
