"""The data set is divided by whole groups, each class in its shares, and the same way each time."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.support.heads import head, sample
from training.data.split import SHARES, Dataset, Entry, all_for_test, read_manifest, split, write_manifest


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


def test_the_data_sets_own_folder_of_test_scans_is_the_test_part_where_it_is_asked_for():
    folders = ["Testing"] * 10 + ["Training"] * 40
    one = sample(head(0), "0.png")
    samples = [replace(one, digest=f"{i:04x}", path=Path(folder) / f"{i}.png") for i, folder in enumerate(folders)]
    dataset = Dataset(samples, {s.digest: Entry(s.digest, s.class_name, 0, "train") for s in samples})
    published = dataset.as_published("Testing")
    assert published.part("test") == samples[:10]
    assert 0 < len(published.part("validation")) < len(published.part("train"))


def test_scans_of_ones_own_are_one_test_part_in_their_groups():
    samples = [sample(head(seed), f"{seed}.png") for seed in range(3)]
    dataset = all_for_test(samples, np.array([4, 7, 4]))
    assert dataset.part("test") == samples
    assert dataset.groups(samples).tolist() == [4, 7, 4]
