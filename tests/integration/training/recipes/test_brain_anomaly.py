"""The recipe of `brain-anomaly` chooses its limits as its card states, and measures what they lead to."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from imip.explain.heatmap import encode_png
from imip.inference.artifact import read_artifact
from imip.inference.head import crop_to_head
from imip.inference.output import Output
from imip.inference.predictor import analyse
from imip.modules import load
from imip.modules.brain_anomaly import BrainAnomaly
from imip.scan.read import read_scan
from tests.support.heads import head, sample
from tests.support.runs import epochs
from tests.support.server import REPOSITORY
from training.about import read_about
from training.calibration import Platt
from training.data.samples import Sample
from training.data.split import Dataset, Entry
from training.export.litert import read_weights
from training.networks import autoencoder
from training.recipe import Measured
from training.recipes import brain_anomaly as recipe
from training.recipes import find
from training.recipes.brain_mri import is_tumor as is_tumors

ARTIFACT = REPOSITORY / "models" / "brain-anomaly"
SCAN = (REPOSITORY / "samples" / "brain-axial-lesion.png").read_bytes()
RECIPE = recipe.BrainAnomaly(BrainAnomaly, read_about("brain-anomaly"))


@pytest.fixture(scope="module")
def module() -> BrainAnomaly:
    loaded = load(ARTIFACT)
    assert isinstance(loaded, BrainAnomaly)
    return loaded


@pytest.fixture(scope="module")
def output(module: BrainAnomaly) -> Output:
    return analyse(SCAN, module).output


@pytest.fixture(scope="module")
def measured(module: BrainAnomaly) -> Measured:
    """Eight drawn heads filed as without a tumor and eight with a bright mass as tumors, judged as served."""
    samples = []
    for number in range(16):
        pixels, class_name = head(number), "glioma" if number % 2 else "notumor"
        if number % 2:
            cv2.circle(pixels, (40, 50), 12, 255, -1)
        samples.append(Sample(Path(f"{number}.png"), str(number), class_name, pixels, encode_png(pixels)))
    analyses = [analyse(sample.data, module) for sample in samples]
    return RECIPE.judge(module, samples, analyses, np.arange(16))


def test_each_group_of_near_duplicates_counts_the_same():
    weights = recipe.evenly(np.array([4, 7, 4, 4]))
    assert weights[[0, 2, 3]].sum() == pytest.approx(weights[1])


def test_the_threshold_leaves_one_in_twenty_normal_slices_and_the_band_starts_below_most_tumors():
    rng = np.random.default_rng(2)
    is_tumor = np.arange(2000) % 2 == 0
    anomaly = 1 / (1 + np.exp(-rng.normal(2 * is_tumor, 1)))
    thresholds = recipe.choose_thresholds(anomaly, is_tumor)
    assert (anomaly[~is_tumor] >= thresholds["threshold"]).mean() == pytest.approx(0.05, abs=0.002)
    assert thresholds["uncertain_to"] == thresholds["threshold"]
    assert thresholds["uncertain_from"] <= 0.5
    assert (anomaly[is_tumor] >= thresholds["uncertain_from"]).mean() >= 0.9


def test_a_model_that_parts_all_leaves_no_borderline():
    is_tumor = np.array([False] * 50 + [True] * 50)
    thresholds = recipe.choose_thresholds(np.where(is_tumor, 0.99, 0.01), is_tumor)
    assert thresholds["uncertain_from"] == thresholds["threshold"]


def test_a_model_that_is_certain_of_all_still_has_limits_with_a_finite_score():
    is_tumor = np.arange(100) % 2 == 0
    for anomaly in (is_tumor.astype(float), np.zeros(100), np.ones(100)):
        assert all(0 < limit < 1 for limit in recipe.choose_thresholds(anomaly, is_tumor).values())


def test_a_tumor_is_missed_where_it_was_answered_normal(measured):
    answered = [measured.analyses[row].prediction.label for row in np.flatnonzero(is_tumors(measured.samples))]
    missed = measured.report.metrics["false_negative_rate"].value
    assert missed == pytest.approx(answered.count("Normal") / len(answered))
    assert measured.report.as_dict()["healthy_label"] == "Normal"


def test_borderline_answers_are_counted_as_such(measured):
    answered = [analysis.prediction.label for analysis in measured.analyses]
    counts = measured.report.confusion
    assert sum(row["Borderline"] for row in counts.values()) == answered.count("Borderline")
    assert sum(row["Normal"] for row in counts.values()) == answered.count("Normal")
    forced = measured.report.confusion_forced
    assert forced is not None
    assert sum(sum(row.values()) for row in forced.values()) == len(answered)


def test_the_figures_tell_outcomes_by_class_each_measure_alone_and_what_a_painted_lesion_changes(measured):
    tables = RECIPE.figures(measured, films=None)["tables"]
    assert [row[0] for row in tables["outcomes"]["rows"]] == ["glioma", "notumor"]
    for _, *shares in tables["outcomes"]["rows"]:
        assert sum(share["value"] for share in shares) == pytest.approx(1, abs=1e-3)
    assert [row[0] for row in tables["measures"]["rows"]] == ["glioma", "all tumors"]
    assert "painted into the 8 slices" in tables["painted"]["title"]
    assert all(0 <= figure["value"] <= 1 for _, figure in tables["painted"]["rows"])
    assert 0 < tables["painted"]["rows"][-1][1]["value"] < 0.5


def test_scans_of_tumors_alone_have_no_painted_figures(measured, module):
    rows = np.flatnonzero(is_tumors(measured.samples))
    chosen = [measured.samples[row] for row in rows], [measured.analyses[row] for row in rows]
    assert "painted" not in RECIPE.figures(RECIPE.judge(module, *chosen, np.arange(8)), films=None)["tables"]


def test_losses_measures_and_slices_before_and_after_are_drawn(measured, tmp_path):
    RECIPE.draw(measured, tmp_path)
    for name in ("losses", "measures", "before_after", "roc", "reliability", "confusion"):
        picture = cv2.imread(str(tmp_path / f"{name}.png"))
        assert picture is not None
        assert picture.std() > 10


def test_another_network_is_not_drawn_with_the_shipped_ones_losses_and_reconstructions(measured, tmp_path):
    artifact = read_artifact(REPOSITORY / "models" / "brain-anomaly")
    other = BrainAnomaly(replace(artifact, card=artifact.card.model_copy(update={"version": "0" * 12})))
    RECIPE.draw(replace(measured, module=other), tmp_path)
    drawn = {path.stem for path in tmp_path.iterdir()}
    assert "measures" in drawn
    assert not {"losses", "before_after"} & drawn


def test_the_shipped_graph_is_made_of_the_shipped_weights_and_the_cards_calibration(module, output):
    network = autoencoder.build()
    read_weights(network, RECIPE.weights)
    model_input = crop_to_head(read_scan(SCAN).pixels, autoencoder.SIDE)
    image, _ = autoencoder.standardise(model_input.pixels[None, :, :, None].astype(np.float32))
    *_, looks = autoencoder.redraw(network, image)
    assert output.embedding == pytest.approx(looks[0].numpy(), abs=1e-4)
    platt = Platt(**module.card.calibration.parameters)
    assert platt.apply(output.measures.mean()) == pytest.approx(output.probabilities[0], abs=1e-4)


def heads_of_both_kinds() -> Dataset:
    heads = [sample(head(seed), f"{seed}.png", "notumor" if seed < 36 else "glioma") for seed in range(40)]
    return Dataset(
        heads, {s.digest: Entry(s.digest, s.class_name, seed, part_of(seed)) for seed, s in enumerate(heads)}
    )


def part_of(seed: int) -> str:
    return "train" if seed < 32 else "validation"


def test_training_redraws_better_by_the_epoch_and_a_run_is_resumed(tmp_path: Path) -> None:
    recipe_of = find("brain-anomaly")
    recipe_of.train(heads_of_both_kinds(), tmp_path, epochs=1)
    weights = recipe_of.train(heads_of_both_kinds(), tmp_path, epochs=3)
    rows = epochs(tmp_path)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert weights.exists()
