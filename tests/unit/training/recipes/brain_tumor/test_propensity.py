"""Slices whose look goes with the other label count for more, none for too much."""

import numpy as np

from tests.support.heads import head
from training.recipes.brain_tumor.propensity import LARGEST, propensity_weights


def tall(seed: int) -> np.ndarray:
    """A head of another outline."""
    return np.ascontiguousarray(head(seed)[:, 24:72])


def test_the_rare_healthy_slice_among_tumors_weighs_most():
    tumors, healthy = [tall(seed) for seed in range(70)], [head(seed) for seed in range(100, 169)]
    is_tumor = np.repeat([True, False], [70, 70])
    weights = propensity_weights([*tumors, *healthy, tall(500)], is_tumor)
    assert weights[-1] == weights.max() > 2 * np.median(weights)
    assert weights.max() <= LARGEST


def test_weights_are_even_where_looks_tell_nothing():
    weights = propensity_weights([head(seed) for seed in range(140)], np.arange(140) % 2 == 1)
    assert weights.std() < 0.3
    assert abs(weights.mean() - 1) < 0.05
