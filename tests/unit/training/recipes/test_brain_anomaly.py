"""The recipe of `brain-anomaly` chooses three outcomes as its card states, and evaluates them."""

from dataclasses import replace

import numpy as np
import pytest

from imip.inference.head import crop_to_head
from imip.inference.predictor import analyse
from imip.modules import load
from imip.modules.brain_anomaly import BrainAnomaly
from imip.scan.read import read_scan
from tests.support.heads import half_with_masses, head, sample
from tests.support.server import REPOSITORY
from training.calibration import Platt
from training.data.samples import Origin
from training.networks import autoencoder
from training.networks.weights import read_weights
from training.recipe import Evaluation
from training.recipes import brain_anomaly as recipe
from training.recipes import find
from training.recipes.brain_mri import is_tumor

ARTIFACT = REPOSITORY / "models" / "brain-anomaly"
SCAN = (REPOSITORY / "samples" / "brain-axial-lesion.png").read_bytes()
RECIPE = find("brain-anomaly")


@pytest.fixture(scope="module")
def module() -> BrainAnomaly:
    loaded = load(ARTIFACT)
    assert isinstance(loaded, BrainAnomaly)
    return loaded


@pytest.fixture(scope="module")
def evaluation(module: BrainAnomaly) -> Evaluation:
    samples = half_with_masses(16)
    analyses = [analyse(sample.data, module) for sample in samples]
    return RECIPE.evaluate_analyses(module, samples, analyses, np.arange(16))


def test_each_group_of_near_duplicates_counts_the_same_and_each_slice_of_a_known_patient_as_one_group():
    copies = [sample(head(0), f"{number}.png", "notumor") for number in range(4)]
    patient = [replace(each, origin=Origin("lgg-du", "one")) for each in copies[:2]]
    weights = recipe.evenly([*copies, *patient], np.array([4, 7, 4, 4, 9, 9]))
    assert weights[[0, 2, 3]].sum() == pytest.approx(weights[1])
    assert weights[4] == weights[5] == weights[1]


def test_the_threshold_leaves_one_in_twenty_normal_slices_and_the_band_starts_below_most_tumors():
    rng = np.random.default_rng(2)
    is_tumor = np.arange(2000) % 2 == 0
    anomaly = 1 / (1 + np.exp(-rng.normal(2 * is_tumor, 1)))
    thresholds = recipe.choose_thresholds(anomaly, is_tumor)
    assert (anomaly[~is_tumor] >= thresholds["threshold"]).mean() == pytest.approx(0.05, abs=0.002)
    assert thresholds["uncertain_to"] == thresholds["threshold"]
    assert thresholds["uncertain_from"] <= 0.5
    assert (anomaly[is_tumor] >= thresholds["uncertain_from"]).mean() >= 0.9


def test_a_model_that_separates_all_leaves_no_borderline():
    is_tumor = np.array([False] * 50 + [True] * 50)
    thresholds = recipe.choose_thresholds(np.where(is_tumor, 0.99, 0.01), is_tumor)
    assert thresholds["uncertain_from"] == thresholds["threshold"]


def test_a_model_that_is_certain_of_all_still_has_limits_with_a_finite_score():
    is_tumor = np.arange(100) % 2 == 0
    for anomaly in (is_tumor.astype(float), np.zeros(100), np.ones(100)):
        assert all(0 < limit < 1 for limit in recipe.choose_thresholds(anomaly, is_tumor).values())


def test_a_tumor_is_missed_where_it_was_answered_normal(evaluation):
    answered = [evaluation.analyses[row].prediction.label for row in np.flatnonzero(is_tumor(evaluation.samples))]
    missed = evaluation.report.metrics["false_negative_rate"].value
    assert missed == pytest.approx(answered.count("Normal") / len(answered))
    assert evaluation.report.as_dict()["healthy_label"] == "Normal"


def test_borderline_answers_are_counted_as_such(evaluation):
    answered = [analysis.prediction.label for analysis in evaluation.analyses]
    counts = evaluation.report.confusion
    assert sum(row["Borderline"] for row in counts.values()) == answered.count("Borderline")
    assert sum(row["Normal"] for row in counts.values()) == answered.count("Normal")
    forced = evaluation.report.confusion_forced
    assert forced is not None
    assert sum(sum(row.values()) for row in forced.values()) == len(answered)


def test_the_tables_hold_outcomes_by_class_each_measure_alone_and_what_a_painted_lesion_changes(evaluation):
    tables = RECIPE.tables(evaluation)
    assert [row[0] for row in tables["outcomes"]["rows"]] == ["glioma", "notumor"]
    for _, *shares in tables["outcomes"]["rows"]:
        assert sum(share["value"] for share in shares) == pytest.approx(1, abs=1e-3)
    assert [row[0] for row in tables["measures"]["rows"]] == ["glioma", "all tumors"]
    assert "painted into the 8 slices" in tables["painted"]["title"]
    assert all(0 <= figure["value"] <= 1 for _, figure in tables["painted"]["rows"])
    assert 0 < tables["painted"]["rows"][-1][1]["value"] < 0.5


def test_scans_of_tumors_alone_have_no_painted_table(evaluation, module):
    rows = np.flatnonzero(is_tumor(evaluation.samples))
    chosen = [evaluation.samples[row] for row in rows], [evaluation.analyses[row] for row in rows]
    assert "painted" not in RECIPE.tables(RECIPE.evaluate_analyses(module, *chosen, np.arange(8)))


def test_the_shipped_graph_is_made_of_the_shipped_weights_and_the_cards_calibration(module):
    output = analyse(SCAN, module).output
    network = autoencoder.build()
    read_weights(network, RECIPE.weights)
    model_input = crop_to_head(read_scan(SCAN).pixels, autoencoder.SIDE)
    image, _ = autoencoder.standardise(model_input.pixels[None, :, :, None].astype(np.float32))
    *_, embedding = autoencoder.redraw(network, image)
    assert output.embedding == pytest.approx(embedding[0].numpy(), abs=1e-4)
    platt = Platt(**module.card.calibration.parameters)
    assert platt.apply(output.measures.mean()) == pytest.approx(output.probabilities[0], abs=1e-4)
