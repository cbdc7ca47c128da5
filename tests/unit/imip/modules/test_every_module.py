"""What every module owes, whatever its model: one that is added is tested here once its artifact is there."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from imip.batch.scoring import to_row
from imip.explain.explanation import explain
from imip.explain.heatmap import encode_png
from imip.inference.artifact import read_artifact
from imip.inference.module import AnalysisModule
from imip.inference.out_of_distribution import ReferenceDistance
from imip.inference.predictor import analyse
from imip.modules import MODULES, load
from tests.support.scan_files import mr_bytes
from tests.support.server import REPOSITORY
from tests.support.shipped import SHIPPED
from training.about import read_about

SCAN = (REPOSITORY / "samples" / "brain-axial-lesion.png").read_bytes()
LARGEST = 5 * 2**20  # bytes of an artifact
NOISE = np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8)
PICTURES = {
    "one pixel": np.full((1, 1), 7, np.uint8),
    "one row": NOISE.reshape(1, -1)[:, :500],
    "one column": NOISE.reshape(-1, 1)[:500],
    "a strip": NOISE.reshape(1, -1)[:, :6000].reshape(3, 2000),
    "black": np.zeros((64, 64), np.uint8),
    "white": np.full((64, 64), 255, np.uint8),
    "one dot": np.pad(np.full((1, 1), 255, np.uint8), ((40, 59), (60, 39))),
    "a checkerboard": np.where(np.indices((128, 128)).sum(axis=0) % 2, 255, 0).astype(np.uint8),
    "noise": NOISE,
    "16 bits": np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16),
}
HOSTILE = {name: encode_png(pixels) for name, pixels in PICTURES.items()}
UNKNOWN = [pack(PICTURES[name]) for name in ("black", "noise") for pack in (encode_png, mr_bytes)]
HOSTILE["bright air"] = mr_bytes(NOISE, PhotometricInterpretation="MONOCHROME1", Modality="CT")


@pytest.fixture(scope="module", params=SHIPPED)
def module(request: pytest.FixtureRequest) -> AnalysisModule:
    return load(folder(request.param))


def folder(name: str) -> Path:
    return REPOSITORY / "models" / name


def test_the_shipped_artifact_is_small_and_its_card_is_the_modules_own_words(module: AnalysisModule) -> None:
    card, about = module.card, read_about(module.name)
    assert sum(path.stat().st_size for path in folder(module.name).iterdir()) <= LARGEST
    assert (card.module, card.title, card.labels) == (module.name, about.title, about.labels)
    assert (card.input.side, card.input.modalities) == (about.side, about.modalities)
    for text in (card.details, card.intended_use, card.non_recommended_use, card.data, card.ethics, card.caveats):
        assert len(text) > 5
    assert (card.decision.rule, card.heatmap) == (about.decision_rule, about.heatmap)


def test_the_card_says_how_good_the_module_is_and_how_sure_that_is(module: AnalysisModule) -> None:
    headline = module.card.metrics["test"]["metrics"][module.card.headline]
    assert 0 <= headline["low"] <= headline["value"] <= headline["high"] <= 1
    page = (REPOSITORY / "docs" / "models" / f"{module.name}.md").read_text(encoding="utf-8")
    assert module.card.version in page
    assert f"{headline['value']:.4f}" in page


def test_one_pass_answers_probabilities_embedding_and_a_heatmap_for_each_label(module: AnalysisModule) -> None:
    output, labels = analyse(SCAN, module).output, module.card.labels
    assert output.probabilities.shape == (len(labels),)
    assert output.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert output.embedding.shape == read_artifact(folder(module.name)).reference.shape[1:]
    assert output.heatmaps.ndim == 3 and output.heatmaps.shape[2] == len(labels)
    assert (output.heatmaps >= 0).all()
    assert all(np.isfinite(part).all() for part in (output.probabilities, output.embedding, output.heatmaps))


@pytest.mark.parametrize("name", ["brain-axial.png", "brain-axial.jpg", "brain-axial.dcm"])
def test_a_finding_has_an_answer_of_the_card_and_a_picture(module: AnalysisModule, name: str) -> None:
    analysis = analyse((REPOSITORY / "samples" / name).read_bytes(), module, any_modality=True)
    prediction = analysis.prediction
    assert prediction.label in module.card.possible_labels
    assert tuple(prediction.probabilities) == module.card.labels
    if prediction.label in module.card.labels:
        assert prediction.confidence == prediction.probabilities[prediction.label]
    else:
        assert (prediction.confidence, prediction.decision) == (max(prediction.probabilities.values()), "uncertain")
    assert explain(analysis).overlay.startswith(b"\x89PNG")


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_the_picture_the_answer_is_finite_and_of_the_card(module: AnalysisModule, name: str) -> None:
    analysis = analyse(HOSTILE[name], module, any_modality=True)
    prediction, output = analysis.prediction, analysis.output
    assert prediction.label in module.card.possible_labels and 0 <= prediction.confidence <= 1
    numbers = [
        *output.probabilities,
        *output.embedding,
        *output.heatmaps.ravel(),
        *prediction.features.values(),
    ]
    assert np.isfinite([*numbers, *(reason.value for reason in prediction.reasons)]).all()
    assert output.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert explain(analysis).overlay.startswith(b"\x89PNG")


def test_a_scan_that_the_module_does_not_know_is_never_called_confident(module: AnalysisModule) -> None:
    """Promise 10, of one module: neither in the prediction nor in a row of `imip score`."""
    analyses = [analyse(scan, module, any_modality=True) for scan in UNKNOWN]
    for analysis in analyses:
        assert "out_of_distribution" in analysis.prediction.warnings
        assert analysis.prediction.decision == to_row(analysis.prediction)["decision"] == "uncertain"
    certain = [module.decide(analysis.output).certainty for analysis in analyses]
    assert "confident" in certain, "the module is sure of none of these, so that this test proves nothing of it"


def test_noise_and_a_photograph_get_the_warning(module: AnalysisModule) -> None:
    for picture in (HOSTILE["noise"], encode_png(skimage.data.camera())):
        assert "out_of_distribution" in analyse(picture, module).prediction.warnings


def test_the_same_scan_gets_the_same_answer(module: AnalysisModule) -> None:
    first = analyse(SCAN, module)
    analyse((REPOSITORY / "samples" / "brain-axial.png").read_bytes(), module)
    again = analyse(SCAN, module)
    ours = ("label", "decision", "confidence", "probabilities", "warnings", "reasons", "advice", "features")
    assert all(getattr(first.prediction, name) == getattr(again.prediction, name) for name in ours)
    assert np.array_equal(first.output.heatmaps, again.output.heatmaps)


def test_most_of_the_reference_is_within_the_cards_distance(module: AnalysisModule) -> None:
    reference = read_artifact(folder(module.name)).reference
    distances = ReferenceDistance(reference)(reference)
    assert len(reference) >= 400
    assert np.mean(distances <= module.card.out_of_distribution.threshold) > 0.97


def test_a_module_is_found_by_the_name_of_its_file() -> None:
    folder = REPOSITORY / "imip" / "modules"
    files = {path.stem for path in folder.glob("[a-z]*.py")}
    files |= {path.parent.name for path in folder.glob("*/__init__.py")}
    assert set(MODULES) == {name.replace("_", "-") for name in files}
    assert len(MODULES) == len(files)
    assert all(MODULES[name].name == name for name in MODULES)
    for unknown in ("lung", "brain_tumor", "__init__", ""):
        assert unknown not in MODULES


def test_a_modules_file_is_imported_only_when_it_is_asked_for() -> None:
    code = "import sys; from imip.modules import MODULES; MODULES['brain-tumor'];"
    code += "print([name for name in sys.modules if name.startswith('imip.modules.')])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "['imip.modules.brain_tumor']"
