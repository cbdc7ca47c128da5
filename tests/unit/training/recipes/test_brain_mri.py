"""Scans of the brain: their committed split, and folders that say only that there is a tumor."""

from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.support.heads import head
from training.data.split import read_manifest
from training.recipes import find


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
        assert split_of_group.setdefault(entry.group, entry.split) == entry.split
    assert len(entries) > 5000
