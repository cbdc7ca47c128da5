"""Which files a folder is made of, and the row of each: what the module says, or why it cannot say anything."""

import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imip.batch.scoring import ScoringTask, columns, find_files, path_text
from imip.inference.predictor import analyse
from imip.modules import load
from imip.scan.limits import Limits
from imip.table import ColumnType
from tests.support.scan_files import data_set, dicom_bytes, ramp
from tests.support.server import REPOSITORY

ARTIFACT = REPOSITORY / "models" / "brain-tumor"
SAMPLES = REPOSITORY / "samples"
TYPES: dict[ColumnType, type] = {"text": str, "number": float, "integer": int, "boolean": bool, "texts": list}
TYPES["text map"] = dict


def found(folder: Path, results: str = "results.csv") -> list[bytes]:
    return sorted(file.path for file in find_files(folder, folder / results))


def scored(folder: Path, name: str, **options: Any) -> dict[str, Any]:
    settings = {"limits": Limits(), "burned_in": "warn", "any_modality": False} | options
    return ScoringTask(folder, ARTIFACT, **settings)(os.fsencode(name))


def test_files_are_found_below_too_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("b.png", "patient/2/a", "patient/.DS_Store", ".git/c.png", "._b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1234")
    assert found(tmp_path) == [b"b.png", b"patient/2/a"]
    assert {file.size for file in find_files(tmp_path, tmp_path / "results.csv")} == {4}


def test_results_in_the_folder_are_none_of_its_scans(tmp_path: Path) -> None:
    for name in ("results.csv", "results.csv.part", "results.csv.part-journal", "other.csv", "below/results.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert found(tmp_path) == [b"below/results.csv", b"other.csv"]


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    scans, elsewhere = tmp_path / "scans", tmp_path / "elsewhere"
    for folder in (scans, elsewhere):
        folder.mkdir()
    (elsewhere / "a.png").touch()
    (scans / "linked").symlink_to(elsewhere)
    (scans / "again").symlink_to(elsewhere)
    (scans / "b.png").symlink_to(elsewhere / "a.png")
    (elsewhere / "up").symlink_to(scans)
    assert found(scans) == [b"again/a.png", b"b.png"]


def test_a_link_to_nowhere_is_an_unreadable_file_and_a_pipe_is_none(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))  # such a name may have 100 bytes
        assert found(tmp_path) == [b"gone.png"]
    assert scored(tmp_path, "gone.png") == {"error": "unreadable file", "message": "No such file or directory"}


def test_a_folder_that_cannot_be_listed_stands_for_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    listed = os.scandir

    def scandir(folder: str) -> Any:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied", folder)
        return listed(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert found(tmp_path) == [b"closed"]
    assert scored(tmp_path, "closed")["error"] == "unreadable file"


def test_a_folder_that_is_gone_is_no_fault_of_its_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scored(tmp_path / "unmounted", "a.png")


def test_a_name_that_is_no_text_can_be_scored_and_shown(tmp_path: Path) -> None:
    name = b"caf\xe9.png"
    (tmp_path / os.fsdecode(name)).write_bytes((SAMPLES / "brain-axial.png").read_bytes())
    assert found(tmp_path) == [name]
    assert scored(tmp_path, os.fsdecode(name))["label"] == "No Tumor"
    assert path_text(name) == r"caf\xe9.png"


@pytest.mark.parametrize("name", ["brain-axial-lesion.png", "brain-multiframe.dcm"])
def test_a_row_is_what_the_module_says(name: str) -> None:
    row = scored(SAMPLES, name)
    analysis = analyse((SAMPLES / name).read_bytes(), load(ARTIFACT))
    prediction, scan = analysis.prediction, analysis.scan
    assert (row["label"], row["decision"]) == (prediction.label, prediction.decision)
    assert row["confidence"] == pytest.approx(prediction.confidence)
    assert row["probability_tumor"] == pytest.approx(prediction.probabilities["Tumor"])
    assert row["probability_no_tumor"] == pytest.approx(prediction.probabilities["No Tumor"])
    assert (row["height"], row["width"]) == scan.pixels.shape
    assert (row["frame"], row["frames"], row["format"]) == (scan.frame, scan.frames, scan.format)
    assert row["attributes"] == scan.attributes
    assert row["warnings"] == list(prediction.warnings)
    assert row["seconds"] > 0


def test_every_cell_of_a_row_has_its_column() -> None:
    known = columns(load(ARTIFACT).card)
    row = scored(SAMPLES, "brain-axial.dcm")
    assert known.keys() - row.keys() == {"path", "module", "model_version", "error", "message"}
    assert all(isinstance(cell, TYPES[known[name]]) for name, cell in row.items() if cell is not None)


def test_what_is_unlike_the_models_scans_is_flagged(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    (tmp_path / "noise.dcm").write_bytes(dicom_bytes(data_set(noise)))
    row = scored(tmp_path, "noise.dcm")
    assert row["out_of_distribution"] and "out_of_distribution" in row["warnings"]
    assert not scored(SAMPLES, "brain-axial.png")["out_of_distribution"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"no scan", "unsupported format"),
        (b"", "unsupported format"),
        ((SAMPLES / "brain-axial.png").read_bytes()[:5000], "malformed scan"),
        (dicom_bytes(data_set()), "unsupported scan"),
        (b"\x89PNG" * 1000, "scan too large"),
        (dicom_bytes(data_set(ramp(), Modality="CT")), "wrong modality"),
        (dicom_bytes(data_set(ramp(), BurnedInAnnotation="YES")), "burned in annotation"),
    ],
)
def test_what_cannot_be_scored_says_why(content: bytes, error: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    limits = Limits(body_bytes=3999 if error == "scan too large" else 100_000)
    row = scored(tmp_path, "file", limits=limits, burned_in="refuse")
    assert row["error"] == error
    assert row["message"]
    assert row.keys() == {"error", "message"}


def test_settings_let_pass_what_they_may(tmp_path: Path) -> None:
    (tmp_path / "ct.dcm").write_bytes(dicom_bytes(data_set(ramp(64, 64), Modality="CT", BurnedInAnnotation="YES")))
    row = scored(tmp_path, "ct.dcm", any_modality=True)
    assert {"other_modality", "burned_in_annotation"} <= set(row["warnings"])


def test_a_fault_of_ours_costs_one_row_and_tells_nothing_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nobody thought of DOE^JANE")

    monkeypatch.setattr("imip.batch.scoring.analyse", fail)
    row = scored(SAMPLES, "brain-axial.png")
    assert row == {"error": "unexpected error", "message": "ZeroDivisionError"}
