"""The type of a tumor is trained in two stages, and its thresholds weigh what an error costs."""

import csv
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from imip.errors import ArtifactError
from imip.inference.artifact import read_card
from imip.inference.head import crop_to_head
from imip.inference.runtime import GRAPH
from imip.modules.brain_tumor_type import AMBIGUOUS, choose_label
from imip.scan.read import read_scan
from tests.support.heads import head
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


def test_training_counts_the_answers_that_serving_gives():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), 200).round(2)
    thresholds = dict(zip(LABELS, (0.6, 0.5, 0.4, 0.3), strict=True))
    served = [choose_label(dict(zip(LABELS, row, strict=True)), thresholds) for row in probabilities]
    assert answers(probabilities, thresholds).tolist() == served
    assert set(served) == {*LABELS, AMBIGUOUS}


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
