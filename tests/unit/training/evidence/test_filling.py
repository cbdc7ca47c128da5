"""Gaps inside a head are filled, and the air beside it is not, however near the edge of the picture it lies."""

import numpy as np

from training.evidence.filling import fill


def test_a_gap_inside_is_filled_and_the_margin_stays() -> None:
    ring = np.zeros((60, 50), np.uint8)
    ring[3:57, 2:50] = 1  # one side lies on the edge
    whole = ring.copy()
    ring[20:30, 20:30] = 0
    assert np.array_equal(fill(ring, 15), whole)


def test_a_gap_wider_than_that_stays() -> None:
    ring = np.ones((60, 60), np.uint8)
    ring[20:45, 20:45] = 0
    assert np.array_equal(fill(ring, 15), ring)
