"""Tissue is brought to one scale whatever the gain, and the fused kernel computes what Keras does."""

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.lesions import slice_of_head
from training.networks.normalization import LIMIT, FusedBatchNormalization, TissueStandardization

HEAD = slice_of_head().astype(np.float32)
IN_BRAIN = (slice(25, 50), slice(40, 60))


def standardised(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    values = TissueStandardization()(pixels[None, :, :, None])
    return np.asarray(keras.ops.convert_to_numpy(values)[0, :, :, 0])


def with_fat(brightness: float) -> NDArray[np.float32]:
    """The head with a rim of fat, 6% of it."""
    pixels = HEAD.copy()
    pixels[4:12, 30:70] = brightness
    return pixels


@pytest.mark.parametrize("gain", [0.3, 2.0, 10.0])
def test_gain_changes_nothing(gain: float) -> None:
    assert standardised(HEAD * gain) == pytest.approx(standardised(HEAD), rel=0.03, abs=0.01)


def test_tissue_has_mean_0_and_deviation_1_and_air_is_0() -> None:
    values = standardised(HEAD)
    tissue = values[HEAD > 0]
    assert (values[HEAD == 0] == 0).all()
    ordinary = tissue[tissue < 1]
    assert abs(tissue.mean()) < 0.4 and 0.5 < ordinary.std() < 1.5


def test_fat_does_not_set_the_scale() -> None:
    fat = with_fat(250)
    by_all_tissue = fat[IN_BRAIN].std() / fat[HEAD > 0].std()
    assert standardised(fat)[IN_BRAIN].std() > 1.3 * by_all_tissue


def test_however_bright_the_fat_is_the_brain_looks_the_same() -> None:
    less, more = (standardised(with_fat(brightness))[IN_BRAIN] for brightness in (220, 255))
    assert more == pytest.approx(less, abs=0.35)


def test_what_is_far_off_is_cut() -> None:
    pixels = HEAD.copy()
    pixels[30, 30] = 255
    assert standardised(pixels).max() == LIMIT
    assert standardised(pixels).min() >= -LIMIT


def test_a_blank_slice_stays_finite() -> None:
    for level in (0, 255):
        assert np.isfinite(standardised(np.full((16, 16), level, np.float32))).all()


INPUTS = np.random.default_rng(0).normal(3, 2, (4, 6, 5, 3)).astype(np.float32)


def layers_alike() -> list[keras.layers.BatchNormalization]:
    made = [kind(momentum=0.9) for kind in (keras.layers.BatchNormalization, FusedBatchNormalization)]
    for layer in made:
        layer.build(INPUTS.shape)
        layer.set_weights([np.array(values, np.float32) for values in ((1, 2, 3), (0, 1, 2), (2, 3, 4), (1, 4, 9))])
    return made


def test_in_training_the_batch_is_normalised_as_by_keras_and_its_moments_are_kept_as_by_keras() -> None:
    theirs, ours = layers_alike()
    for _ in range(3):
        expected = keras.ops.convert_to_numpy(theirs(INPUTS, training=True))
        assert keras.ops.convert_to_numpy(ours(INPUTS, training=True)) == pytest.approx(expected, abs=1e-4)
    assert ours.moving_mean.numpy() == pytest.approx(theirs.moving_mean.numpy(), abs=1e-4)
    # The fused kernel keeps the variance of samples, n / (n - 1) of Keras' own.
    n = INPUTS[..., 0].size
    assert ours.moving_variance.numpy() == pytest.approx(theirs.moving_variance.numpy(), rel=1.5 / n)


def test_in_inference_the_kept_moments_are_used_and_stay() -> None:
    theirs, ours = layers_alike()
    before = ours.get_weights()
    expected = keras.ops.convert_to_numpy(theirs(INPUTS, training=False))
    assert keras.ops.convert_to_numpy(ours(INPUTS)) == pytest.approx(expected, abs=1e-4)
    assert all(np.array_equal(*pair) for pair in zip(before, ours.get_weights(), strict=True))


def test_gradients_are_those_of_keras() -> None:
    import tensorflow as tf

    gradients = []
    for layer in layers_alike():
        inputs = tf.constant(INPUTS)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(layer(inputs, training=True)) * tf.range(3.0))
        gradients.append(tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value]))
    for theirs, ours in zip(*gradients, strict=True):
        assert ours.numpy() == pytest.approx(theirs.numpy(), rel=1e-3, abs=1e-3)


def test_half_the_bits_are_normalised_as_well() -> None:
    layer = FusedBatchNormalization(dtype="mixed_bfloat16")
    outputs = layer(keras.ops.cast(INPUTS, "bfloat16"), training=True)
    assert outputs.dtype == "bfloat16"
    values = keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32"))
    assert values.mean(axis=(0, 1, 2)) == pytest.approx([0, 0, 0], abs=0.03)
    assert values.std(axis=(0, 1, 2)) == pytest.approx([1, 1, 1], abs=0.03)
