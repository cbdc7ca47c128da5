"""`imip dashboards` writes and checks the files, and says why it cannot draw them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.support.dashboards import UIDS


def test_the_command_finds_a_file_that_was_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.dashboards.FOLDER", tmp_path / "made")
    build = ["dashboards", "build"]
    assert CliRunner().invoke(app, [*build, "--check"]).exit_code == 1
    assert CliRunner().invoke(app, build).exit_code == 0
    assert CliRunner().invoke(app, [*build, "--check"]).exit_code == 0
    edited = tmp_path / "made" / "drift.json"
    edited.write_text(edited.read_text().replace("Drift", "Shift"))
    (tmp_path / "made" / "old.json").write_text("{}")
    checked = CliRunner().invoke(app, [*build, "--check"])
    assert checked.exit_code == 1 and "drift.json, old.json" in checked.output
    assert CliRunner().invoke(app, build).exit_code == 0
    assert sorted(file.stem for file in edited.parent.iterdir()) == sorted(UIDS)


def test_drawing_without_a_prometheus_says_so(tmp_path: Path) -> None:
    away = ["--prometheus", "http://127.0.0.1:9", "--out", str(tmp_path)]
    drawn = CliRunner().invoke(app, ["dashboards", "render", *away])
    assert drawn.exit_code == 1 and "does not answer" in drawn.output


def test_drawing_an_unknown_dashboard_names_those_there_are(tmp_path: Path) -> None:
    asked = ["--prometheus", "http://127.0.0.1:9", "--out", str(tmp_path), "--dashboard", "imip-other"]
    drawn = CliRunner().invoke(app, ["dashboards", "render", *asked])
    assert drawn.exit_code == 2 and "imip-drift" in drawn.output
