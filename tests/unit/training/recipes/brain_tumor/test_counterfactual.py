"""A slice without its tumor is made where one half of the head shows it, and nowhere else."""

import numpy as np
import pytest

from tests.support.heads import head
from training.augmentation.brain import mirror_half
from training.recipes.brain_tumor.counterfactual import counterfactual


def symmetric_head_with_mass(column: int) -> np.ndarray:
    base = mirror_half(head(8), np.random.default_rng(0))
    base = np.where(base > 0, (base * 0.3 + 60), 0).astype(np.uint8)
    rows, columns = np.mgrid[0:96, 0:96]
    base[(rows - 40) ** 2 + (columns - column) ** 2 < 8**2] = 180
    return base


@pytest.mark.parametrize("column", [30, 66])
def test_the_counterfactual_of_a_lateral_mass_is_without_it(column):
    made = counterfactual(symmetric_head_with_mass(column))
    assert made is not None
    assert (made.healed > 150).mean() < 0.005
    assert (made.doubled > 150).mean() > 0.03


def test_a_symmetric_head_has_no_counterfactual():
    assert counterfactual(mirror_half(head(8), np.random.default_rng(0))) is None
