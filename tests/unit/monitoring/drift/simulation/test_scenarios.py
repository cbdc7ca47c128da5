"""Drift scenarios: which scans are drawn, in what share the drift affects them, the same for the same seed."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from monitoring.drift.simulation.distortions import DRIFTS, SEVERITIES
from monitoring.drift.simulation.scenarios import KINDS, MIXES, PATIENTS, alter, choose, describe
from tests.support.heads import head

LABELS = ["glioma"] * 30 + ["healthy"] * 50 + ["pituitary"] * 20


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_an_unknown_drift_is_answered_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"'earthquake'.*none.*blur.*class-mix"):
        choose(LABELS, "earthquake", 1, 5, rng())
    with pytest.raises(ValueError, match=r"'earthquake'.*none"):
        describe("earthquake")


@pytest.mark.parametrize("severity", [0, 6, -1])
@pytest.mark.parametrize("kind", ["blur", "class-mix"])
def test_a_severity_out_of_range_is_answered_with_the_range(kind: str, severity: int) -> None:
    with pytest.raises(ValueError, match=f"{severity}; there are: 1 .* to 5"):
        choose(LABELS, kind, severity, 5, rng())


@pytest.mark.parametrize("kind", [*DRIFTS, *MIXES])
def test_a_description_names_the_parameter_at_every_severity_in_one_line(kind: str) -> None:
    levels = DRIFTS[kind].levels if kind in DRIFTS else MIXES[kind].shares
    line = describe(kind)
    assert "\n" not in line and line.endswith(": " + ", ".join(f"{levels.at(s):g}" for s in SEVERITIES))


@pytest.mark.parametrize("kind", [*DRIFTS, *MIXES])
def test_parameters_go_one_way(kind: str) -> None:
    levels = DRIFTS[kind].levels if kind in DRIFTS else MIXES[kind].shares
    assert list(levels) in (sorted(set(levels)), sorted(set(levels), reverse=True))


def test_an_undrifted_stream_is_a_shuffle_that_repeats_nothing_before_all_have_come() -> None:
    draws = choose(LABELS, "none", 99, 250, rng())
    assert not any(draw.altered for draw in draws)
    order = [draw.scan for draw in draws]
    assert sorted(order[:100]) == sorted(order[100:200]) == list(range(100)) and order[:100] != order[100:200]


def test_the_same_seed_draws_the_same_scans_whatever_the_look() -> None:
    plain = [draw.scan for draw in choose(LABELS, "none", 1, 80, rng(3))]
    assert all([d.scan for d in choose(LABELS, kind, 2, 80, rng(3))] == plain for kind in DRIFTS)


def test_a_class_mix_shifts_towards_the_most_common_label() -> None:
    seen = []
    for severity in SEVERITIES:
        draws = choose(LABELS, "class-mix", severity, 2000, rng())
        seen.append(Counter(LABELS[draw.scan] for draw in draws)["healthy"] / 2000)
        assert not any(draw.altered for draw in draws)
    assert seen == pytest.approx([0.5 + 0.5 * share for share in MIXES["class-mix"].shares], abs=0.03)
    assert seen == sorted(seen)


def test_a_class_mix_repeats_no_scan_before_all_of_its_label_have_come() -> None:
    counts = Counter(draw.scan for draw in choose(LABELS, "class-mix", 3, 60, rng()))
    assert set(counts.values()) == {1}


def test_a_class_mix_of_one_label_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="one label only"):
        choose(["healthy"] * 5, "class-mix", 2, 5, rng())


def test_anomalies_come_in_the_share_they_say_and_only_ever_grow() -> None:
    touched = [
        {i for i, draw in enumerate(choose(LABELS, "more-anomalies", severity, 1000, rng())) if draw.altered}
        for severity in SEVERITIES
    ]
    assert [len(t) / 1000 for t in touched] == pytest.approx(list(MIXES["more-anomalies"].shares), abs=0.04)
    assert all(less < more for less, more in pairwise(touched))


def test_a_repeated_patient_is_a_few_scans_with_tiny_changes() -> None:
    repeats = [draw.scan for draw in choose(LABELS, "repeated-patient", 4, 200, rng()) if draw.altered]
    assert len(set(repeats)) == PATIENTS and len(repeats) == pytest.approx(110, abs=20)
    chance = rng()
    one, two = (alter(head(1), "repeated-patient", 4, chance) for _ in range(2))
    assert not np.array_equal(one, two) and np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 15])
def test_as_many_scans_of_each_kind_are_drawn_as_asked_for(kind: str, count: int) -> None:
    assert len(choose(["glioma", "healthy"] * 3, kind, 2, count, rng())) == count


def test_an_empty_folder_cannot_be_streamed() -> None:
    with pytest.raises(ValueError, match="no scan"):
        choose([], "none", 1, 3, rng())
