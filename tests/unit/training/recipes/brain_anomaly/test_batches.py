"""The autoencoder is trained on slices that differ each time, and on noise that stays inside the head."""

import numpy as np

from tests.support.heads import head
from training.recipes.brain_anomaly.batches import NoisyBatches

HEADS = [head(seed) for seed in range(32)]
EVEN = np.ones(len(HEADS))


def batches(epoch: int) -> NoisyBatches:
    made = NoisyBatches(HEADS, EVEN, 32, 7)
    made.start(epoch)
    return made


def test_a_batch_depends_on_its_epoch_alone_and_noise_stays_inside_the_head():
    (noisy, clean), (again, _) = batches(epoch=3)[0], batches(epoch=3)[0]
    assert np.array_equal(noisy, again)
    assert not np.array_equal(noisy, batches(epoch=4)[0][0])
    assert (noisy != clean).any()
    assert (noisy[clean == 0] == 0).all()


def test_a_slice_without_weight_is_never_drawn():
    weights = EVEN.copy()
    weights[1:] = 0
    assert set(NoisyBatches(HEADS, weights, 32, 7).order.tolist()) == {0}
