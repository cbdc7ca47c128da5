"""Slices whose look goes with the other label count for more, none for too much."""

import numpy as np

from tests.support.heads import head, sample
from training.data.balance import LARGEST, propensity_weights


def tall(seed: int) -> np.ndarray:
    """A head of another outline."""
    return np.ascontiguousarray(head(seed)[:, 24:72])


def test_the_rare_healthy_slice_among_tumors_weighs_most():
    tumors = [sample(tall(seed), f"{seed}.png") for seed in range(70)]
    healthy = [sample(head(seed), f"{seed}.png", "notumor") for seed in range(100, 169)]
    odd = sample(tall(500), "odd.png", "notumor")
    weights = propensity_weights([*tumors, *healthy, odd])
    assert weights[-1] == weights.max() > 2 * np.median(weights)
    assert weights.max() <= LARGEST


def test_weights_are_even_where_looks_tell_nothing():
    mixed = [sample(head(seed), f"{seed}.png", "glioma" if seed % 2 else "notumor") for seed in range(140)]
    weights = propensity_weights(mixed)
    assert weights.std() < 0.3
    assert abs(weights.mean() - 1) < 0.05
