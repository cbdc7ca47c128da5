"""`imip score` on real folders: what is written, what is told, and what a killed run leaves to the next one."""

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from imip.inference.card import Card
from tests.support.commands import said
from tests.support.scan_files import data_set, dicom_bytes, ramp
from tests.support.server import REPOSITORY, wait_for

SAMPLES = REPOSITORY / "samples"
CARD = Card.read(REPOSITORY / "models" / "brain-tumor" / "card.yaml")
MANY = 300  # scans: some seconds of work, so that a run can be ended in the middle
START_SECONDS = 60.0

pytestmark = pytest.mark.usefixtures("settings")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """The samples, below a folder of them, and a file that is no scan."""
    folder = tmp_path / "scans"
    shutil.copytree(SAMPLES, folder / "below", ignore=lambda _, names: [n for n in names if not n.startswith("brain")])
    shutil.copy(SAMPLES / "brain-axial-lesion.png", folder / "z.png")
    (folder / "note.txt").write_text("no scan")
    return folder


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(MANY):
        (folder / f"{number:03d}.png").symlink_to(SAMPLES / "brain-axial.png")
    return folder


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_a_folder_becomes_a_table_in_the_order_of_its_paths(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.csv"
    told = said("score", scans, "--out", out, "--workers", "2")
    rows = read(out)
    below = sorted(path.name for path in (scans / "below").iterdir())
    assert [row["path"] for row in rows] == [*(f"below/{name}" for name in below), "note.txt", "z.png"]
    assert {row["label"] for row in rows} == {"Tumor", "No Tumor", ""}
    assert {row["model_version"] for row in rows} == {CARD.version}
    (bad,) = (row for row in rows if row["error"])
    assert (bad["path"], bad["error"], bad["label"], bad["confidence"]) == ("note.txt", "unsupported format", "", "")
    assert f"6 of 7 files scored: {out}" in told
    assert "1 could not be: 1 unsupported format\n  note.txt: unsupported format\n" in told
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["results.csv"]


def test_parquet_and_csv_hold_the_same(scans: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="comes with the extra `report`")
    from pyarrow import parquet

    for name in ("results.parquet", "results.csv"):
        said("score", scans, "--out", tmp_path / name, "--workers", "1")
    table = parquet.read_table(tmp_path / "results.parquet").to_pylist(maps_as_pydicts="strict")
    for plain, row in zip(read(tmp_path / "results.csv"), table, strict=True):
        assert list(plain) == list(row)
        assert bool(plain.pop("seconds")) == bool(row.pop("seconds"))  # of two runs
        assert plain == {name: as_csv(cell) for name, cell in row.items()}


def as_csv(cell: Any) -> str:
    return json.dumps(cell) if isinstance(cell, list | dict) else "" if cell is None else str(cell)


def test_a_progress_bar_is_for_terminals_only(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "brain-axial.png", tmp_path)
    out = tmp_path / "results.csv"  # among the scans
    assert said("score", tmp_path, "--out", out, "--workers", "1") == f"1 of 1 files scored: {out}\n"


def test_a_folder_without_any_scan_fails_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    out = tmp_path / "results.csv"
    assert "holds no file" in said("score", tmp_path / "scans", "--out", out, status=1)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []
    (tmp_path / "scans" / "note.txt").write_text("no scan")
    assert "0 of 1 files scored" in said("score", tmp_path / "scans", "--out", out, "--workers", "1", status=1)
    assert [row["error"] for row in read(out)] == ["unsupported format"]


def test_only_some_of_many_bad_files_are_named(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number:02d}").touch()
    told = said("score", tmp_path, "--out", tmp_path / "results.csv", "--workers", "1", status=1)
    assert "12 could not be: 12 unsupported format" in told
    assert "  09: " in told and "  10: " not in told and "and 2 more" in told


def test_scans_of_another_modality_are_scored_on_demand(tmp_path: Path) -> None:
    (tmp_path / "ct.dcm").write_bytes(dicom_bytes(data_set(ramp(64, 64), Modality="CT")))
    command = ["score", tmp_path, "--out", tmp_path / "results.csv", "--workers", "1"]
    told = said(*command, status=1)
    assert "1 wrong modality" in told and "--any-modality" in told
    said(*command, "--any-modality", "--restart")
    (row,) = read(tmp_path / "results.csv")
    assert "other_modality" in row["warnings"]


def test_results_that_are_there_are_made_anew_only_on_demand(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.csv"
    out.write_text("of last week")
    assert "--restart" in said("score", scans, "--out", out, status=1)
    assert out.read_text() == "of last week"
    said("score", scans, "--out", out, "--restart", "--workers", "1")
    assert len(read(out)) == 7


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--out", "results.txt"], 2, ".parquet or .csv"),
        (["--out", "results.csv", "--module", "liver"], 2, "brain-tumor"),
        (["--out", "results.csv", "--version", "cafecafecafe"], 1, "brain-tumor:cafecafecafe"),
        (["--out", "missing/results.csv"], 1, "cannot be written"),
        (["--out", "results.csv", "--workers", "0"], 2, "workers"),
    ],
)
def test_what_cannot_be_done_is_told_before_the_work(
    options: list[str], status: int, told: str, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scans)
    before = sorted(scans.rglob("*"))
    assert told in said("score", scans, *options, status=status)
    assert sorted(scans.rglob("*")) == before


def test_parquet_takes_an_extra_and_csv_does_not(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "extra `report`" in said("score", scans, "--out", tmp_path / "results.parquet", status=1)
    said("score", scans, "--out", tmp_path / "results.csv", "--workers", "1")


@contextmanager
def running(folder: Path, out: Path, home: Path) -> Iterator["subprocess.Popen[str]"]:
    """A run of its own process, of whose rows some are on disk and more to come."""
    command = [sys.executable, "-m", "imip", "score", folder, "--out", out, "--workers", "1"]
    environment = os.environ | {"BENTOML_HOME": str(home)}
    partial = out.with_name(f"{out.name}.part")
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_ctrl_c
    ) as process:
        try:
            wait_for(lambda: partial.exists() and b'"label"' in partial.read_bytes(), START_SECONDS)
            assert process.poll() is None
            yield process
        finally:
            process.kill()


def _heed_ctrl_c() -> None:
    """A shell's background jobs, and what they start, ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def kept(out: Path) -> dict[str, float]:
    """The seconds of each file that partial results have a row of: no two runs have the same."""
    with sqlite3.connect(out.with_name(f"{out.name}.part")) as checkpoint:
        rows = checkpoint.execute("SELECT path, row FROM files WHERE row IS NOT NULL").fetchall()
    checkpoint.close()
    return {path.decode(): json.loads(row)["seconds"] for path, row in rows}


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGINT])
def test_a_run_goes_on_where_it_was_ended(ended_by: signal.Signals, many: Path, tmp_path: Path, models: Path) -> None:
    out = tmp_path / "results.csv"
    with running(many, out, models) as process:
        helpers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(ended_by)
        _, told = process.communicate(timeout=START_SECONDS)
    wait_for(lambda: not any(helper.is_running() for helper in helpers), START_SECONDS)
    done = kept(out)
    assert 0 < len(done) < MANY
    assert not out.exists()
    if ended_by is signal.SIGINT:
        assert process.returncode == 130
        assert f"{len(done)} of {MANY} files are done; the same command goes on from there" in told
    with_other_terms = said("score", many, "--out", out, "--any-modality", status=1)
    assert "any modality no, now yes" in with_other_terms
    told = said("score", many, "--out", out, "--workers", "1")
    assert f"{len(done)} of {MANY} files are done already" in told and f"{MANY} of {MANY} files scored" in told
    seconds = {row["path"]: float(row["seconds"]) for row in read(out)}
    assert len(seconds) == MANY
    assert {path: seconds[path] for path in done} == done
    assert not out.with_name("results.csv.part").exists()


def test_a_killed_worker_is_told_and_costs_no_row(many: Path, tmp_path: Path, models: Path) -> None:
    out = tmp_path / "results.csv"
    with running(many, out, models) as process:
        helpers = psutil.Process(process.pid).children()
        (worker,) = (helper for helper in helpers if "spawn_main" in " ".join(helper.cmdline()))
        worker.kill()
        _, told = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0
    assert "a worker process was killed" in told
    rows = read(out)
    assert len(rows) == MANY
    assert {row["label"] for row in rows} == {"No Tumor"}
