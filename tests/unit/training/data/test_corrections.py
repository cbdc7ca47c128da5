"""Slices that are filed as tumor-free and are none: head CT is named as such, masses are left out."""

import csv
from pathlib import Path

from tests.support.heads import head, sample
from training.data.corrections import HEAD_CT, LIST, MASS, corrected

PLAIN, CT, LUMP = (sample(head(seed), f"{seed}.png", "notumor") for seed in range(3))


def test_head_ct_is_filed_as_such_and_masses_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(f"sha256,shows\n{CT.digest},{HEAD_CT}\n{LUMP.digest},{MASS}\n")
    kept = corrected([PLAIN, CT, LUMP], path)
    assert [(each.digest, each.class_name) for each in kept] == [(PLAIN.digest, "notumor"), (CT.digest, HEAD_CT)]


def test_slices_that_are_not_on_the_list_stay_as_they_are() -> None:
    assert corrected([PLAIN, CT]) == [PLAIN, CT]


def test_each_slice_of_the_committed_list_is_corrected_in_one_way() -> None:
    with LIST.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["sha256"] for row in rows}) == len(rows) > 50
    assert {row["shows"] for row in rows} == {HEAD_CT, MASS}
