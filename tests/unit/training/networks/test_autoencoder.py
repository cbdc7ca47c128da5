"""The autoencoder trains on what it is given, resumes, and what it finds unusual is served as it was measured."""

import csv

import cv2
import keras
import numpy as np
import pytest

from imip.errors import ArtifactError
from imip.inference.head import crop_to_head
from tests.support.heads import head
from training.calibration import Platt
from training.networks.autoencoder import BATCH, SIDE, Batches, build, fit, standardise
from training.recipes.brain_anomaly import score

HEADS = [head(seed) for seed in range(BATCH)]
INPUTS = np.stack([crop_to_head(pixels, SIDE).pixels for pixels in HEADS])[..., None].astype(np.float32)
EVEN = np.ones(len(HEADS))


@pytest.fixture(scope="module")
def network() -> keras.Sequential:
    keras.utils.set_random_seed(1)
    return build()


@pytest.fixture(scope="module")
def normality(network: keras.Sequential) -> score.Normality:
    return score.learn(network, INPUTS, EVEN)


def test_brightness_and_contrast_are_evened_out_and_air_stays_black():
    image, tissue = standardise(INPUTS[:1])
    dimmer, _ = standardise(INPUTS[:1] * 0.5)
    assert np.allclose(image, dimmer, atol=0.01)
    assert (image.numpy()[tissue.numpy() == 0] == 0).all()
    assert image.numpy().min() >= 0
    assert image.numpy().max() <= 1


def test_a_blank_slice_has_finite_measures(network, normality):
    measures, unusual, _ = score.measure(network, normality, np.zeros((1, SIDE, SIDE, 1), np.float32))
    assert np.isfinite(measures).all() and np.isfinite(unusual).all()


def test_a_batch_depends_on_its_epoch_alone_and_noise_stays_inside_the_head():
    (noisy, clean), (again, _) = Batches(HEADS, EVEN, epoch=3)[0], Batches(HEADS, EVEN, epoch=3)[0]
    assert np.array_equal(noisy, again)
    assert not np.array_equal(noisy, Batches(HEADS, EVEN, epoch=4)[0][0])
    assert (noisy != clean).any()
    assert (noisy[clean == 0] == 0).all()


def test_a_slice_without_weight_is_never_drawn():
    weights = EVEN.copy()
    weights[1:] = 0
    assert set(Batches(HEADS, weights).order.tolist()) == {0}


def test_training_redraws_better_by_the_epoch_and_a_run_is_resumed(tmp_path):
    fit(HEADS, EVEN, HEADS[:4], tmp_path, epochs=1)
    fit(HEADS, EVEN, HEADS[:4], tmp_path, epochs=3)
    with (tmp_path / "epochs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_measures_are_in_standard_deviations_of_the_training_slices(network, normality):
    measures = score.measure(network, normality, INPUTS)[0].numpy()
    assert measures[:, 0].mean() == pytest.approx(0, abs=1e-3)
    assert measures[:, 0].std() == pytest.approx(1, abs=1e-3)


def test_what_is_painted_into_a_head_stands_out_of_its_error_map(network, normality):
    painted = HEADS[0] // 2
    cv2.circle(painted, (40, 50), 9, 255, -1)
    model_input = crop_to_head(painted, SIDE)
    pixels = model_input.pixels[None, :, :, None].astype(np.float32)
    unusual = score.measure(network, normality, pixels)[1].numpy()[0, :, :, 0]
    row, column = np.unravel_index(model_input.to_slice(unusual).argmax(), painted.shape)
    assert np.hypot(row - 50, column - 40) < 14


def test_the_compiled_graph_answers_as_trained(network, normality):
    platt = Platt(1.5, -0.5)
    graph = score.to_litert(network, normality, platt)
    inputs = list(INPUTS[:3, :, :, 0].astype(np.uint8))
    assert "probabilities within" in score.prove(network, normality, platt, graph, inputs)
    with pytest.raises(ArtifactError, match="does not agree"):
        score.prove(network, normality, Platt(3.0, 1.0), graph, inputs)
