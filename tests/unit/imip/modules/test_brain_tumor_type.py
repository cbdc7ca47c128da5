"""The type of a tumor: decided in two stages, explained stage by stage, and trained in two stages."""

import csv
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from imip.errors import ArtifactError
from imip.inference.artifact import read_artifact, read_card
from imip.inference.decision import Decision
from imip.inference.head import crop_to_head
from imip.inference.output import Output
from imip.inference.predictor import analyse
from imip.inference.runtime import GRAPH
from imip.modules import load
from imip.modules.brain_tumor_type import AMBIGUOUS, BrainTumorType, choose_label
from imip.scan.read import read_scan
from tests.support.heads import head
from tests.support.scan_files import picture_bytes
from training.calibration import Temperature
from training.data.samples import Sample
from training.export.litert import prove, read_weights
from training.networks.mobilenet import SIDE, untrained
from training.recipes.brain_tumor_type import stages
from training.recipes.brain_tumor_type.network import FROZEN, build
from training.recipes.brain_tumor_type.thresholds import answers, choose, youden

ROOT = Path(__file__).parents[4]
ARTIFACT = ROOT / "models" / "brain-tumor-type"
LABELS = read_card(ARTIFACT).labels
THRESHOLDS = {"No Tumor": 0.8, "Meningioma": 0.6, "Glioma": 0.5, "Pituitary": 0.4}


@pytest.fixture(scope="module")
def module() -> BrainTumorType:
    found = load(ARTIFACT)
    assert isinstance(found, BrainTumorType)
    return found


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
    assert answers(np.array([probabilities]), THRESHOLDS).tolist() == [answer]


def decided(module: BrainTumorType, *probabilities: float) -> Decision:
    maps = np.zeros((7, 7, 4), np.float32)
    return module.decide(Output(np.array(probabilities, np.float32), np.zeros(1, np.float32), maps))


def test_an_ambiguous_slice_names_no_label_and_sends_to_a_physician(module):
    decision = decided(module, 0.25, 0.25, 0.24, 0.26)
    assert (decision.label, decision.certainty) == ("Ambiguous", "uncertain")
    assert decision.confidence == pytest.approx(0.26) and decision.heatmap == LABELS.index("Pituitary")
    assert decision.advice is not None and "physician" in decision.advice
    assert [reason.measure for reason in decision.reasons] == ["probability of No Tumor", "probability of Pituitary"]
    assert all(reason.value < reason.threshold and "misses" in reason.text for reason in decision.reasons)


def test_an_answer_comes_with_the_stages_that_led_to_it(module):
    glioma, healthy = decided(module, 0.01, 0.0, 0.99, 0.0), decided(module, 1.0, 0.0, 0.0, 0.0)
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


def test_the_cut_keeps_positives_and_lets_fewer_negatives_pass_the_more_they_cost():
    score = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.9])
    is_positive = np.array([False, False, True, False, True, True])
    assert youden(score, is_positive, cost=0.5) == pytest.approx(0.25)
    assert youden(score, is_positive, cost=3.0) == pytest.approx(0.65)
    with pytest.raises(ValueError, match="both sides"):
        youden(score, np.ones(6, np.bool_), cost=1.0)


def test_thresholds_keep_right_answers_and_turn_wrong_ones_away():
    certain, torn = np.full((4, 4), 0.02) + 0.92 * np.eye(4), np.full((4, 4), 0.2) + 0.2 * np.eye(4)
    probabilities = np.concatenate([certain, torn])
    actual = np.array([*LABELS, "Glioma", "Glioma", "Pituitary", "Meningioma"])
    chosen = choose(probabilities, actual)
    assert list(chosen) == list(LABELS)
    answered = answers(probabilities, chosen).tolist()
    assert answered[:4] == list(LABELS)
    assert set(answered[4:]) == {AMBIGUOUS}


def test_a_type_that_is_always_right_turns_nothing_away_and_one_that_never_is_is_never_given():
    sure = np.full((4, 4), 0.02) + 0.92 * np.eye(4)
    probabilities = np.concatenate([sure, sure[1:2]])
    chosen = choose(probabilities, np.array(["No Tumor", "Meningioma", "Pituitary", "Pituitary", "Meningioma"]))
    assert (chosen["Meningioma"], chosen["Glioma"], chosen["Pituitary"]) == (0.0, 1.0, 0.0)
    with pytest.raises(ArtifactError, match="both sides"):
        choose(probabilities, np.array(["Glioma"] * 5))


def test_the_shipped_graph_agrees_with_keras_on_real_scans():
    network = build(untrained(), len(LABELS))
    read_weights(network, ROOT / "training" / "weights" / "brain-tumor-type.npz")
    temperature = Temperature(**read_card(ARTIFACT).calibration.parameters)
    scans = [ROOT / "samples" / name for name in ("brain-axial.png", "brain-axial-lesion.png")]
    inputs = [crop_to_head(read_scan(path.read_bytes()).pixels, SIDE).pixels for path in scans]
    assert prove(network, temperature, (ARTIFACT / GRAPH).read_bytes(), inputs).holds


def test_a_picture_that_is_no_scan_gets_the_warning(module):
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
    assert "out_of_distribution" in analyse(picture_bytes(Image.fromarray(noise), "PNG"), module).prediction.warnings


def test_the_card_sets_the_starting_thresholds_beside_its_own(module):
    table = module.card.metrics["tables"]["starting_thresholds"]
    test = module.card.metrics["test"]["metrics"]
    shipped, starting = table["rows"]
    assert shipped[1:] == [test[name] for name in ("answered_share", "answered_accuracy", "false_negative_rate")]
    assert "0.85, 0.60, 0.55, 0.55" in starting[0]


def small_network() -> keras.Sequential:
    """A frozen part, then one convolution with batch normalisation in the place of many."""
    pooled = keras.Input((7, 7, 1))
    tuned = keras.Model(pooled, layers.BatchNormalization(name="bn")(layers.Conv2D(3, 3, name="kernel")(pooled)))
    parts = [layers.AveragePooling2D(32, name=FROZEN), tuned, layers.GlobalAveragePooling2D(), layers.Dense(4)]
    return keras.Sequential([keras.Input((SIDE, SIDE, 1)), *parts, layers.Softmax()])


def labelled(count: int) -> stages.Labelled:
    samples = [Sample(Path(f"{seed}.png"), str(seed), "glioma", head(seed), b"") for seed in range(count)]
    return samples, np.arange(count) % 4


def test_convolutions_learn_in_the_second_stage_while_batch_normalisation_stays(tmp_path):
    network = small_network()
    tuned = network.layers[1]
    kernel, kept = tuned.get_layer("kernel").get_weights(), tuned.get_layer("bn").get_weights()
    stages.train(network, labelled(8), labelled(4), tmp_path, epochs=2)
    head_only = keras.saving.load_model(tmp_path / "head" / "best.keras").layers[0]
    assert np.array_equal(head_only.get_layer("kernel").get_weights()[0], kernel[0])
    assert not np.array_equal(tuned.get_layer("kernel").get_weights()[0], kernel[0])
    assert all(np.array_equal(*pair) for pair in zip(tuned.get_layer("bn").get_weights(), kept, strict=True))


def test_a_stopped_run_goes_on_after_its_last_look_and_epoch(tmp_path):
    whole = stages.keep(small_network(), labelled(3)[0], range(4), tmp_path / "whole.npy")
    stages.keep(small_network(), labelled(3)[0], range(4), tmp_path / "stopped.npy")
    finished = tmp_path / "stopped.finished"
    finished.write_text(finished.read_text().replace(" 4", " 2"))
    assert np.array_equal(stages.keep(small_network(), labelled(3)[0], range(4), tmp_path / "stopped.npy"), whole)
    for epochs in (1, 2):
        stages.train(small_network(), labelled(8), labelled(4), tmp_path, epochs=epochs)
    for stage in stages.STAGES:
        with (tmp_path / stage.name / "epochs.csv").open(newline="") as file:
            assert [int(row["epoch"]) for row in csv.DictReader(file)] == [1, 2]


def test_answers_kept_of_other_scans_are_not_taken_for_these(tmp_path):
    def kept(network: keras.Sequential, samples: list[Sample], name: str) -> np.ndarray:
        return np.array(stages.keep(network, samples, range(2), tmp_path / name))

    first, others = labelled(3)[0], labelled(6)[0][3:]
    kept(small_network(), first, "same.npy")
    assert np.array_equal(kept(small_network(), others, "same.npy"), kept(small_network(), others, "fresh.npy"))


def test_looks_of_a_slice_differ_and_the_first_is_the_slice_as_served():
    samples = labelled(2)[0]
    assert np.array_equal(stages.see(samples, 0, 0), crop_to_head(samples[0].pixels, SIDE).pixels)
    first, second = (stages.see(samples, 0, look) for look in (1, 2))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, stages.see(samples, 0, 1))


def test_the_common_classes_do_not_outweigh_the_rare():
    looks, labels = np.zeros((1, 40, 1, 1, 1), np.float16), np.repeat(np.arange(4), (25, 5, 5, 5))
    batches = stages.KeptBatches(looks, labels)
    weight = np.zeros(4)
    for _, targets, weights in (batches[number] for number in range(len(batches))):
        np.add.at(weight, targets.astype(int), weights)
    assert weight == pytest.approx([10, 10, 10, 10])
