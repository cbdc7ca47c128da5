"""Promise 10: a finding is never called confident on a scan that the module does not know."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imip.explain.heatmap import encode_png
from tests.support.commands import said
from tests.support.scan_files import mr_bytes
from tests.support.server import Server
from tests.support.shipped import SHIPPED

BLANK = np.zeros((64, 64), np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8)
UNKNOWN = {
    "blank.dcm": mr_bytes(BLANK),
    "blank.png": encode_png(BLANK),
    "noise.dcm": mr_bytes(NOISE),
    "noise.png": encode_png(NOISE),
}


def explained(server: Server, scan: bytes, module: str, route: str) -> dict[str, Any]:
    """What is answered of a scan, as JSON on either route."""
    query = {"module": module, "any_modality": "true"}
    answer = server.http.post(route, params=query, files={"file": scan}, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def decisions(server: Server, module: str) -> dict[str, float]:
    """How many findings of a module were called confident, and how many uncertain, by the metric."""
    samples = [s for s in server.samples() if s.name == "imip_decisions_total" and s.labels["module"] == module]
    return {sample.labels["decision"]: sample.value for sample in samples}


@pytest.mark.parametrize("module", SHIPPED)
def test_neither_answer_nor_log_nor_metric_calls_it_confident(platform: Server, module: str) -> None:
    before = decisions(platform, module)
    answers = [
        explained(platform, scan, module, route) for scan in UNKNOWN.values() for route in ("/predict", "/heatmap")
    ]
    assert all("out_of_distribution" in answer["warnings"] for answer in answers)
    assert {answer["decision"] for answer in answers} == {"uncertain"}

    page = platform.http.get("/predictions", params={"module": module, "limit": len(answers)}).json()["predictions"]
    assert {row["request_id"] for row in page} == {answer["request_id"] for answer in answers}
    assert {row["decision"] for row in page} == {"uncertain"}

    assert decisions(platform, module) == before | {"uncertain": before["uncertain"] + len(answers)}


@pytest.mark.usefixtures("settings")
def test_no_result_of_a_folder_calls_it_confident(tmp_path: Path) -> None:
    folder, out = tmp_path / "scans", tmp_path / "results.csv"
    folder.mkdir()
    for name, scan in UNKNOWN.items():
        (folder / name).write_bytes(scan)
    said("score", folder, "--out", out, "--workers", "1")
    with out.open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert [row["path"] for row in rows] == sorted(UNKNOWN)
    assert {(row["out_of_distribution"], row["decision"]) for row in rows} == {("True", "uncertain")}
