"""Windows of another label mix have the share of tumors that they are said to have."""

import numpy as np
import pytest

from tools.benchmarks.drift.label_mix import MORE, USUAL, mixed

TUMOR = np.arange(100) < 60


@pytest.mark.parametrize("share", [USUAL, MORE])
def test_rows_have_the_share_of_tumors_that_is_wanted(share: float) -> None:
    rows = mixed(np.arange(100), TUMOR, share, np.random.default_rng(0))
    assert TUMOR[rows].mean() == pytest.approx(share, abs=0.01)
    assert len(set(rows)) == len(rows) >= 80


def test_only_the_rows_given_are_drawn_and_in_random_order() -> None:
    given = np.arange(50, 70)
    orders = {tuple(mixed(given, TUMOR, USUAL, np.random.default_rng(seed))) for seed in range(5)}
    assert len(orders) == 5
    assert all(set(order) == set(given) for order in orders)
