"""Streams of scans whose patients are known: one scan of each, or one patient after the other."""

import numpy as np

from tools.benchmarks.drift.scans import one_each, patient_after_patient

GROUPS = np.array([7, 7, 7, 7, 3, 9, 9])
ROWS = np.arange(len(GROUPS))


def test_each_group_gives_one_scan_and_large_groups_come_no_earlier() -> None:
    drawn = [one_each(ROWS, GROUPS, np.random.default_rng(seed)) for seed in range(300)]
    assert all(sorted(GROUPS[rows]) == [3, 7, 9] for rows in drawn)
    assert {int(rows[GROUPS[rows] == 7][0]) for rows in drawn} == {0, 1, 2, 3}
    first = np.mean([GROUPS[rows[0]] == 7 for rows in drawn])
    assert 0.2 < first < 0.47


def test_scans_of_a_patient_stay_together_and_in_order() -> None:
    orders = {tuple(patient_after_patient(ROWS, GROUPS, np.random.default_rng(seed))) for seed in range(50)}
    assert len(orders) == 6
    assert all(sorted(order) == ROWS.tolist() for order in orders)
    for order in orders:
        places = [order.index(row) for row in range(4)]
        assert places == list(range(places[0], places[0] + 4))


def test_only_the_rows_asked_for_are_ordered() -> None:
    some = np.array([6, 0, 4])
    assert sorted(patient_after_patient(some, GROUPS, np.random.default_rng(0))) == [0, 4, 6]
