"""The tree is as deep as it must be, and no deeper."""

import numpy as np

from training.recipes.brain_tree import growth


def test_the_shallowest_depth_that_is_as_good_as_the_best_is_chosen() -> None:
    folds = np.array([-0.02, 0.02])
    means = np.array([0.4, 0.5, 0.59, 0.6, 0.6, 0.61, 0.6, 0.6, 0.6])
    assert growth.choose(means[:, None] + folds) == 4
    assert growth.choose(means[:, None] + folds / 100) == 7
