"""What the commands that make models refuse, and how they say so."""

import cv2
import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.support.heads import head


def test_an_unknown_module_is_refused_with_the_known_ones(tmp_path):
    result = CliRunner().invoke(app, ["train", "lung", "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "brain-tumor" in result.output


def test_a_folder_without_classes_is_named_as_the_fault(tmp_path):
    result = CliRunner().invoke(app, ["evaluate", "brain-tumor", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "expected folders named" in result.stderr


def test_a_folder_without_a_readable_scan_is_named_as_such(tmp_path):
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "note.png").write_text("no picture")
    result = CliRunner().invoke(app, ["evaluate", "brain-tumor", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "No file could be read" in result.stderr


def test_scans_outside_the_manifest_cannot_be_trained_on_by_mistake(tmp_path):
    (tmp_path / "yes").mkdir()
    cv2.imwrite(str(tmp_path / "yes" / "1.png"), head(900))
    result = CliRunner().invoke(app, ["train", "brain-tumor", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "not in the manifest" in result.stderr


@pytest.mark.parametrize("command", [["split"], ["train", "--original-split"], ["evaluate", "--leaky", "."]])
def test_a_data_set_that_comes_divided_is_not_divided_again(tmp_path, command):
    result = CliRunner().invoke(app, [*command, "chest-pneumonia", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "data set" in result.stderr
