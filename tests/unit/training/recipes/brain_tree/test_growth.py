"""How deep a tree is grown, and that the shipped one is the one that was."""

import numpy as np
import pytest

from imip.inference.artifact import version
from imip.modules import load
from imip.modules.brain_tree import BrainTree
from tests.support.server import REPOSITORY
from training.calibration import Temperature
from training.recipes import brain_tree as brain_tree_recipe
from training.recipes import find
from training.recipes.brain_tree import growth

ARTIFACT = REPOSITORY / "models" / "brain-tree"


@pytest.fixture(scope="module")
def module() -> BrainTree:
    return load(ARTIFACT)


def test_the_shipped_tree_is_the_one_that_the_shipped_weights_and_calibration_make(module: BrainTree) -> None:
    temperature = Temperature(**module.card.calibration.parameters)
    tree = brain_tree_recipe.make(brain_tree_recipe.read(find("brain-tree").weights), temperature)
    assert version(tree.to_bytes()) == module.card.version


def test_the_shallowest_depth_that_is_as_good_as_the_best_is_chosen() -> None:
    folds = np.array([-0.02, 0.02])
    means = np.array([0.4, 0.5, 0.59, 0.6, 0.6, 0.61, 0.6, 0.6, 0.6])
    assert growth.choose(means[:, None] + folds) == 4
    assert growth.choose(means[:, None] + folds / 100) == 7
