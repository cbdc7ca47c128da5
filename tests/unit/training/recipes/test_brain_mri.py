"""Folders of brain scans: a module that names types of tumor refuses those that say only that there is one."""

from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.support.heads import head


@pytest.mark.parametrize("module", ["brain-tree", "brain-tumor-type"])
@pytest.mark.parametrize("folders", [["yes"], ["Tumor", "glioma"]], ids="+".join)
def test_scans_of_an_unnamed_tumor_are_refused_with_the_folders_that_would_do(module, folders, tmp_path: Path) -> None:
    for name in folders:
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "1.png"), head(1))
    result = CliRunner().invoke(app, ["evaluate", module, "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "expected folders named glioma, meningioma, no, no_tumor, notumor, pituitary" in result.stderr
