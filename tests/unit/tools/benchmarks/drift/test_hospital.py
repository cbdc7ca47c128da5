"""A change of hospital is measured on windows of each size, against undrifted windows of other patients."""

import numpy as np
import pytest

from monitoring.drift.arrays import PredictionArrays
from tools.benchmarks.drift.hospital import FROM, TO, trials
from tools.benchmarks.drift.scans import Scans
from tools.benchmarks.drift.sizes import EACH, SERVED, SIZES, measure, table

PATIENTS, SLICES, WINDOWS = 120, 2, 12


def hospital(seed: int, shift: float) -> Scans:
    """Scans of a hospital whose embeddings, features and labels are noise around a place of its own."""
    rng = np.random.default_rng(seed)
    count = PATIENTS * SLICES
    patients = np.repeat(np.arange(PATIENTS), SLICES)
    centres = rng.normal(shift, 1, (PATIENTS, 8))
    return Scans(
        PredictionArrays(
            (centres[patients] + rng.normal(0, 0.01, (count, 8))).astype(np.float32),
            (centres[patients][:, :2] + rng.normal(0, 0.01, (count, 2))).astype(np.float64),
            ("brightness_mean", "contrast_rms"),
            rng.uniform(0.5, 1, count),
            rng.choice(["Tumor", "No Tumor"], count),
        ),
        patients + seed * PATIENTS,
        ["notumor"] * count,
        [np.zeros((2, 2), np.uint8)] * count,
    )


@pytest.fixture(scope="module")
def rates():
    return measure(trials(hospital(1, 0), hospital(2, 3), WINDOWS))


def test_windows_of_another_hospital_alarm_and_those_of_the_same_do_not(rates) -> None:
    assert rates[TO, SERVED, 50].alarms["any"] == WINDOWS
    assert rates[FROM, EACH, PATIENTS // 2].alarms["any"] <= 2
    assert rates[TO, EACH, PATIENTS].alarms["any"] == WINDOWS


def test_a_window_holds_no_more_than_its_hospital_has(rates) -> None:
    assert {wanted for _, design, wanted in rates if design == SERVED} == set(SIZES)
    assert rates[TO, SERVED, 25].window == 25
    assert rates[TO, SERVED, 400].window <= PATIENTS
    assert rates[FROM, EACH, PATIENTS // 2].window == PATIENTS // 2


def test_the_table_names_each_hospital_design_and_size(rates) -> None:
    lines = table(rates).splitlines()
    assert lines[0].startswith("| Windows of | Of | Wanted | Window | Reference | MMD |")
    served = [(name, SERVED, str(size)) for name in (FROM, TO) for size in SIZES]
    each = [(FROM, EACH, str(PATIENTS // 2)), (TO, EACH, str(PATIENTS))]
    assert [tuple(line.strip("| ").split(" | ")[:3]) for line in lines[2:]] == served + each
