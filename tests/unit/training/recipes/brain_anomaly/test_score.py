"""What the autoencoder redraws badly is unusual."""

import cv2
import keras
import numpy as np
import pytest

from imip.inference.head import crop_to_head
from tests.support.heads import head
from training.networks.autoencoder import SIDE, build
from training.recipes.brain_anomaly import score

HEADS = [head(seed) for seed in range(32)]
INPUTS = np.stack([crop_to_head(pixels, SIDE).pixels for pixels in HEADS])[..., None].astype(np.float32)


@pytest.fixture(scope="module")
def network() -> keras.Sequential:
    keras.utils.set_random_seed(1)
    return build()


@pytest.fixture(scope="module")
def normality(network: keras.Sequential) -> score.Normality:
    return score.learn(network, INPUTS, np.ones(len(HEADS)))


def test_a_blank_slice_has_finite_measures(network, normality):
    measures, unusual, _ = score.measure(network, normality, np.zeros((1, SIDE, SIDE, 1), np.float32))
    assert np.isfinite(measures).all() and np.isfinite(unusual).all()


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
