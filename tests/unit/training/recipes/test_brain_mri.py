"""Scans of the brain: their committed split, sources left out, and folders that say only that there is a tumor."""

from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.support.heads import head, sample
from training.data.samples import Origin, Sample
from training.data.split import Dataset, Entry, Split, read_manifest, write_manifest
from training.recipes import find

PARTS: tuple[Split, ...] = ("train", "validation", "test")


@pytest.mark.parametrize("module", ["brain-tree", "brain-tumor-type"])
@pytest.mark.parametrize("folders", [["yes"], ["Tumor", "glioma"]], ids="+".join)
def test_scans_of_an_unnamed_tumor_are_refused_with_the_folders_that_would_do(module, folders, tmp_path: Path) -> None:
    for name in folders:
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "1.png"), head(1))
    result = CliRunner().invoke(app, ["evaluate", module, "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "expected folders named glioma, meningioma, no, no_tumor, notumor, pituitary" in result.stderr


def test_the_manifest_parts_no_group() -> None:
    entries = read_manifest(find("brain-tumor").manifest)
    split_of_group: dict[int, str] = {}
    for entry in entries.values():
        if entry.split != "none":
            assert split_of_group.setdefault(entry.group, entry.split) == entry.split
    assert len(entries) > 5000


def test_head_ct_is_divided_apart_from_scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ct = [
        replace(sample(head(100 + number), f"ct-{number}.png", "ct"), origin=Origin(source))
        for number, source in enumerate(("brain-tumor-mri", "healthy-t1"))
    ]
    whole = dataset()
    entries = [*whole.entries.values(), *(Entry(s.digest, "ct", 90 + n, "train") for n, s in enumerate(ct))]
    write_manifest(entries, tmp_path / "brain.csv")
    recipe = find("brain-tumor")
    monkeypatch.setattr(type(recipe), "manifest", tmp_path / "brain.csv")
    divided = recipe.divide([*whole.samples, *ct])
    assert divided.foreign_part("train") == ct
    assert divided.samples == whole.samples
    known, unknown = recipe.leave_out(divided, "brain-tumor-mri")
    assert [picture.source for picture in known.foreign] == ["healthy-t1"]
    assert not unknown.foreign


def dataset() -> Dataset:
    """Two slices of each of three sources in each part, one with a tumor."""
    samples, entries = [], []
    for source in ("brain-tumor-mri", "lgg-ht", "ms-ljubljana"):
        for part in PARTS:
            for class_name in ("notumor", "glioma") if source != "ms-ljubljana" else ("notumor",) * 2:
                one = sample(head(len(samples)), f"{len(samples)}.png", class_name)
                samples.append(replace(one, origin=Origin(source)))
                entries.append(Entry(one.digest, class_name, len(samples) // 2, part))
    return Dataset(samples, {entry.sha256: entry for entry in entries})


def shown(samples: list[Sample]) -> list[tuple[str, str]]:
    return [(each.origin.source, each.class_name) for each in samples if each.origin]


@pytest.mark.parametrize(("source", "left"), [("lgg-ht", 6), ("ms-ljubljana", 6), ("brain-tumor-mri", 3)])
def test_a_source_left_out_is_in_no_part_that_is_trained_on_and_all_of_it_is_judged(source: str, left: int) -> None:
    whole = dataset()
    known, unknown = find("brain-lesion").leave_out(whole, source)
    assert len(known.samples) + len(unknown.samples) == len(whole.samples)
    assert len(unknown.part("test")) == len(unknown.samples) == left
    assert {origin for origin, _ in shown(unknown.samples)} == {source}
    assert unknown.groups(unknown.samples).tolist() == whole.groups(unknown.samples).tolist()
    for part in PARTS:
        kept = [class_name for origin, class_name in shown(known.part(part)) if origin == source]
        assert kept == (["notumor"] if source == "brain-tumor-mri" else [])
