"""What the commands that make models refuse, and how they say so."""

from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.support.commands import said
from tests.support.heads import head
from training import recipe
from training.data.brain import SOURCES


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


def test_a_data_set_that_comes_divided_is_not_divided_again(tmp_path):
    result = CliRunner().invoke(app, ["split", "chest-pneumonia", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "data set" in result.stderr


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_an_unknown_source_is_refused_with_the_known_ones(command: str, tmp_path: Path) -> None:
    arguments = ["--data", tmp_path, "--leave-out", "hospital"]
    for module in ("brain-lesion", "brain-anomaly"):
        message = said(command, module, *arguments, status=2)
        assert "no such source" in message and all(source in message for source in SOURCES)
    assert "this module's are: none" in said(command, "chest-pneumonia", *arguments, status=2)


def test_a_source_left_out_is_not_judged_for_a_card_that_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "ROOT", tmp_path)
    (tmp_path / "models" / "brain-lesion").mkdir(parents=True)
    arguments = ["--leave-out", "lgg-ht", "--artifact", tmp_path, "--write-card"]
    message = said("evaluate", "brain-lesion", "--data", tmp_path, *arguments, status=1)
    assert "`imip export brain-lesion`" in message


def test_a_source_that_no_model_was_trained_without_is_named_with_the_command_that_trains_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    message = said("evaluate", "brain-tumor-type", "--data", tmp_path, "--leave-out", "lgg-ht", status=1)
    assert f"`imip train brain-tumor-type --data {tmp_path} --leave-out lgg-ht`" in message
    assert list(tmp_path.iterdir()) == []
