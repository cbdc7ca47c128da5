"""How far from the reference a scan may be before it gets the out-of-distribution warning."""

import numpy as np
import pytest

from imip.inference.out_of_distribution import ReferenceDistance
from training.export.artifact import _foreign_limit

RNG = np.random.default_rng(0)
MANY = RNG.normal(0, 1, (600, 4)).astype(np.float32)
GROUPS = np.arange(600)


def test_all_but_a_share_of_scans_are_nearer_to_a_reference_of_others() -> None:
    limit = _foreign_limit(MANY, GROUPS, 0.1)
    assert np.mean(ReferenceDistance(MANY)(MANY) > limit) == pytest.approx(0.1, abs=0.02)
    assert _foreign_limit(MANY, GROUPS, 0.01) > limit


def test_a_patient_like_nobody_else_does_not_set_the_limit_for_all() -> None:
    odd = RNG.normal(30, 0.1, (60, 4)).astype(np.float32)
    both, groups = np.concatenate([MANY, odd]), np.concatenate([GROUPS, np.full(60, 600)])
    limit = _foreign_limit(both, groups, 0.05)
    counted_each = _foreign_limit(both, np.arange(660), 0.05)
    assert limit < 10
    assert np.mean(ReferenceDistance(both)(MANY) > limit) < 0.08
    assert counted_each > limit
