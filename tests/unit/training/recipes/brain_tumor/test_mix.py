"""What the network of `brain-tumor` is shown: the label follows what was painted in or taken away."""

import numpy as np
import pytest

from tests.support.heads import head, sample
from training.recipes.brain_tumor.mix import Augmenter, Mix, MixedBatches, validation_arrays

SAMPLES = [sample(head(seed), f"{seed}.png", "glioma" if seed % 4 == 0 else "notumor") for seed in range(16)]
SIDE = 32


def test_a_healthy_slice_with_a_painted_lesion_counts_as_a_tumor():
    always, never = (Augmenter(SAMPLES, SIDE, Mix(painted=share)) for share in (1.0, 0.0))
    assert [always.draw(index, (1, index))[1] for index in range(16)] == [True] * 16
    assert [never.draw(index, (1, index))[1] for index in range(16)] == [index % 4 == 0 for index in range(16)]
    assert (always.tumor_share(), never.tumor_share()) == (1.0, 0.25)


def test_a_batch_depends_on_its_epoch_alone_and_both_labels_weigh_alike():
    batches = MixedBatches(Augmenter(SAMPLES, SIDE, Mix(painted=0.0)), batch_size=16, seed=5)
    batches.start(2)
    first = batches[0]
    batches.start(3)
    assert not np.array_equal(batches[0][0], first[0])
    batches.start(2)
    assert all(np.array_equal(*pair) for pair in zip(batches[0], first, strict=True))
    inputs, targets, weights = first
    assert inputs.shape == (16, SIDE, SIDE, 1) and len(batches) == 1
    assert weights[targets[:, 0] == 1].sum() == pytest.approx(weights[targets[:, 0] == 0].sum()) == 8


def test_validation_holds_each_slice_as_it_is_and_once_augmented():
    inputs, targets = validation_arrays(Augmenter(SAMPLES, SIDE, Mix(painted=0.0)), seed=5)
    assert inputs.shape == (32, SIDE, SIDE, 1)
    assert targets[:16].tolist() == targets[16:].tolist()
    assert not np.array_equal(inputs[:16], inputs[16:])
