"""Batches follow from seed and epoch alone, so that a resumed run sees what an unbroken one would have seen."""

import numpy as np

from training.data.batches import JitteredBatches, SeededBatches

PICTURES = np.random.default_rng(0).integers(0, 256, (10, 8, 8)).astype(np.uint8)


def drawn(batches: SeededBatches) -> list[int]:
    return [int(index) for number in range(len(batches)) for index in batches.samples(number)]


def test_every_sample_comes_once_an_epoch_in_an_order_of_its_own():
    batches = SeededBatches(10, 4, seed=1)
    first = drawn(batches)
    batches.start(1)
    assert sorted(first) == sorted(drawn(batches)) == list(range(10))
    assert drawn(batches) != first
    assert len(batches) == 3


def test_a_sample_without_a_chance_is_never_drawn():
    assert set(drawn(SeededBatches(10, 4, seed=1, chances=np.eye(10)[3]))) == {3}


def test_an_epoch_of_draws_is_as_long_as_asked_for_and_follows_the_chances():
    batches = SeededBatches(2, 16, seed=1, chances=np.array([0.25, 0.75]), drawn=1000)
    assert (len(batches), len(drawn(batches))) == (63, 1000)
    assert abs(np.mean(drawn(batches)) - 0.75) < 0.05


def test_jittered_pictures_keep_their_targets_and_weights_and_are_the_same_in_the_same_epoch():
    targets, weights = np.arange(10, dtype=np.float32)[:, None], np.arange(10, dtype=np.float32)
    batches = JitteredBatches(PICTURES, targets, weights, 4, seed=1)
    inputs, chosen, weighed = batches[0]
    assert inputs.shape == (4, 8, 8, 1)
    assert chosen[:, 0].tolist() == weighed.tolist() == batches.samples(0).tolist()
    batches.start(5)
    assert not np.array_equal(batches[0][0], inputs)
    batches.start(0)
    assert np.array_equal(batches[0][0], inputs)
