"""The distance of embeddings from a reference."""

import numpy as np
import pytest

from imip.inference.out_of_distribution import ReferenceDistance


def test_distance_is_zero_at_the_mean_and_counts_standard_deviations() -> None:
    generator = np.random.default_rng(8)
    reference = (generator.normal(size=(4000, 3)) * (1, 2, 3) + (5, 6, 7)).astype(np.float32)
    distance = ReferenceDistance(reference)
    assert distance(reference.mean(axis=0)) == pytest.approx(0, abs=1e-3)
    wide = reference.mean(axis=0) + np.array([0, 0, 9], np.float32)  # three deviations of the widest axis
    assert float(distance(wide)) == pytest.approx(3, rel=0.1)
    assert distance(reference[:7]).shape == (7,)
    assert np.median(distance(reference)) == pytest.approx(1.54, rel=0.1)  # of a chi distribution with 3


def test_distance_copes_with_constant_features_and_few_scans() -> None:
    reference = np.ones((3, 10), np.float32)
    reference[:, 0] = (1, 2, 3)
    distances = ReferenceDistance(reference)(reference)
    assert np.isfinite(distances).all()
    assert np.isfinite(ReferenceDistance(reference[:1])(reference)).all()
