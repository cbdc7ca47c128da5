"""The data set is divided by whole groups, each class in its shares, and the same way each time."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.heads import head, sample
from training.data.samples import Origin, Sample
from training.data.split import (
    SHARES,
    Dataset,
    Entry,
    all_for_test,
    divide,
    read_manifest,
    split,
    split_each,
    write_manifest,
)


def test_no_group_is_split_and_every_class_keeps_its_shares(tmp_path):
    names = ["glioma", "meningioma", "pituitary", "notumor"]
    samples = [sample(head(0), f"{i:04d}", names[i % 4]) for i in range(800)]
    groups = np.random.default_rng(0).integers(0, 60, 200).repeat(4) * 4 + np.tile(np.arange(4), 200)
    entries = split(samples, groups)
    assert all(len({e.split for e in entries if e.group == g}) == 1 for g in set(groups.tolist()))
    for name in names:
        of_class = [e for e in entries if e.class_name == name]
        for part, share in SHARES.items():
            assert abs(sum(e.split == part for e in of_class) / len(of_class) - share) < 0.06
    assert entries == split(samples, groups)
    write_manifest(entries, tmp_path / "manifest.csv")
    assert read_manifest(tmp_path / "manifest.csv") == {e.sha256: e for e in entries}


def test_scans_of_ones_own_are_one_test_part_in_their_groups():
    samples = [sample(head(seed), f"{seed}.png") for seed in range(3)]
    dataset = all_for_test(samples, np.array([4, 7, 4]))
    assert dataset.part("test") == samples
    assert dataset.groups(samples).tolist() == [4, 7, 4]


def of_source(source: str | None, patients: int) -> tuple[list[Sample], NDArray[np.int64]]:
    """Five slices of each patient, tumors of every other one, and the group of each slice."""
    one = sample(head(0), "0.png")
    slices = [
        replace(
            one,
            digest=f"{source}/{patient}/{number}",
            class_name=("glioma", "notumor")[patient % 2],
            origin=source and Origin(source, str(patient)),
        )
        for patient in range(patients)
        for number in range(5)
    ]
    return slices, np.arange(patients).repeat(5)


def together(*parts: tuple[list[Sample], NDArray[np.int64]]) -> dict[str, Entry]:
    """The entries of sources that were divided together, by file."""
    samples, groups, first = [], [], 0
    for slices, numbers in parts:
        samples += slices
        groups.append(numbers + first)
        first += numbers.max() + 1
    return {entry.sha256: entry for entry in split_each(samples, np.concatenate(groups))}


def test_each_source_is_divided_in_the_shares_and_no_patient_is_parted() -> None:
    divided = together(of_source("lgg-du", 60), of_source(None, 40))
    for source in ("lgg-du", "None"):
        entries = [entry for entry in divided.values() if entry.sha256.startswith(source)]
        for part, share in SHARES.items():
            assert sum(entry.split == part for entry in entries) / len(entries) == pytest.approx(share, abs=0.05)
    parts = {group: {e.split for e in divided.values() if e.group == group} for group in range(100)}
    assert all(len(part) == 1 for part in parts.values())


def test_a_further_source_changes_nothing_for_the_others() -> None:
    first, second, further = of_source("lgg-du", 30), of_source("lgg-ht", 20), of_source("ms-ljubljana", 25)
    without, after, before = together(first, second), together(first, second, further), together(further, first, second)
    assert {file: after[file] for file in without} == without
    assert {file: before[file].split for file in without} == {file: entry.split for file, entry in without.items()}


def test_what_the_manifest_puts_in_no_part_is_not_in_the_data_set(tmp_path):
    samples = [sample(head(seed), f"{seed}.png") for seed in range(3)]
    places = ("train", "none", "test")
    write_manifest(
        [Entry(s.digest, s.class_name, number, places[number]) for number, s in enumerate(samples)],
        tmp_path / "manifest.csv",
    )
    dataset = divide(samples, tmp_path / "manifest.csv")
    assert dataset.samples == [samples[0], samples[2]]
    assert dataset.part("train") == samples[:1]


def test_pictures_of_another_kind_are_in_their_parts_and_no_scans():
    scan, picture = (sample(head(seed), f"{seed}.png") for seed in range(2))
    entries = {s.digest: Entry(s.digest, s.class_name, number, "test") for number, s in enumerate((scan, picture))}
    dataset = Dataset([scan], entries, [picture])
    assert dataset.part("test") == [scan]
    assert dataset.foreign_part("test") == [picture]
    assert not dataset.foreign_part("train")
