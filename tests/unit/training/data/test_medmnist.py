"""An archive of MedMNIST becomes scans like any other, in its official parts, copies kept out of training."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from imip.scan.read import read_scan
from training.data.medmnist import near_duplicates, official_split, read
from training.data.samples import Sample

CLASSES = ("Normal", "Pneumonia")


def pictures(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28)).astype(np.uint8)


def archive(folder: Path, **arrays: np.ndarray) -> Path:
    parts = {"train": 6, "val": 3, "test": 4}
    made = {f"{part}_images": pictures(count, count) for part, count in parts.items()}
    made |= {f"{part}_labels": (np.arange(count) % 2).astype(np.uint8)[:, None] for part, count in parts.items()}
    np.savez(folder / "archive.npz", **(made | arrays))
    return folder / "archive.npz"


def test_pictures_come_as_files_that_the_server_would_read(tmp_path):
    samples = read(archive(tmp_path), CLASSES)
    assert [sample.class_name for sample in samples[:2]] == ["Normal", "Pneumonia"]
    assert all(np.array_equal(read_scan(sample.data).pixels, sample.pixels) for sample in samples)


def test_the_official_parts_are_kept(tmp_path):
    dataset = official_split(read(archive(tmp_path), CLASSES))
    assert [len(dataset.part(name)) for name in ("train", "validation", "test")] == [6, 3, 4]


def test_a_copy_of_a_later_part_is_left_out_of_training(tmp_path):
    train, test = pictures(6, 6), pictures(4, 4)
    train[0] = test[1]
    dataset = official_split(read(archive(tmp_path, train_images=train, test_images=test), CLASSES))
    assert [len(dataset.part(name)) for name in ("train", "validation", "test")] == [5, 3, 4]
    assert not {s.digest for s in dataset.part("train")} & {s.digest for s in dataset.part("test")}


def test_near_duplicates_of_one_part_stay_and_share_a_group(tmp_path):
    test = pictures(4, 4)
    test[3] = np.clip(test[0].astype(int) + 2, 0, 255)
    dataset = official_split(read(archive(tmp_path, test_images=test), CLASSES))
    groups = Counter(dataset.groups(dataset.part("test")).tolist())
    assert sorted(groups.values()) == [1, 1, 2]


def test_what_the_parts_share_is_counted_in_pairs_copies_apart(tmp_path):
    train, test = pictures(6, 6), pictures(4, 4)
    train[0] = train[1] = test[1]
    test[3] = np.clip(test[0].astype(int) + 2, 0, 255)
    counts = near_duplicates(read(archive(tmp_path, train_images=train, test_images=test), CLASSES))
    assert {parts: pair for parts, pair in counts.items() if pair != (0, 0)} == {
        ("train", "train"): (1, 1),
        ("train", "test"): (2, 2),
        ("test", "test"): (1, 0),
    }


def test_scans_from_folders_have_no_official_part():
    film = Sample(Path("films/Normal/1.png"), "digest", "Normal", pictures(1, 1)[0], b"")
    with pytest.raises(KeyError):
        official_split([film])


def test_an_archive_in_colour_is_refused(tmp_path):
    with pytest.raises(ValueError, match="grayscale"):
        read(archive(tmp_path, val_images=np.zeros((3, 28, 28, 3), np.uint8)), CLASSES)
