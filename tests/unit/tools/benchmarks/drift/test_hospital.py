"""A change of hospital is measured on windows of each size, against undrifted windows of other patients."""

import numpy as np
import pytest

from monitoring.drift.arrays import PredictionArrays
from tools.benchmarks.drift.hospital import FROM, SIZES, TO, measure, table
from tools.benchmarks.drift.scans import Scans

PATIENTS, EACH = 120, 2


def hospital(seed: int, shift: float) -> Scans:
    """Scans of a hospital whose embeddings, features and labels are noise around a place of its own."""
    rng = np.random.default_rng(seed)
    count = PATIENTS * EACH
    patients = np.repeat(np.arange(PATIENTS), EACH)
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
    return measure(hospital(1, 0), hospital(2, 3), windows=12)


def test_windows_of_another_hospital_alarm_and_those_of_the_same_do_not(rates) -> None:
    assert rates[TO, 100].alarms["any"] == 12
    assert rates[FROM, 50].alarms["any"] <= 4


def test_a_window_holds_no_more_than_its_hospital_has(rates) -> None:
    assert {size for _, size in rates} == set(SIZES)
    assert rates[TO, 25].window == 25
    assert rates[TO, 400].window <= PATIENTS * EACH


def test_the_table_names_each_hospital_and_size(rates) -> None:
    lines = table(rates).splitlines()
    assert lines[0].startswith("| Windows of | Wanted | Window | Reference |")
    assert [tuple(line.split(" | ")[:2]) for line in lines[2:]] == [
        (f"| {name}", str(size)) for name in (FROM, TO) for size in SIZES
    ]
