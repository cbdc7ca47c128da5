"""The drift report: complete, honest, offline, and silent about single predictions. Takes Evidently."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imip.disclaimer import DISCLAIMER
from monitoring.drift.checks import Result
from monitoring.reports.page import drift_report
from tests.support.drift import check_of
from tests.support.report import NAMES, TARGET_LABELS, TUMOR, WEEK, check_on, predictions, report
from tests.support.server import REPOSITORY

pytest.importorskip("evidently", reason="comes with the extra `report`")

DATA = re.compile(r"var (?:additional_graphs_)?metric_\w+ = (\{.*\});")

# Refuses connections, look-ups and programs, telemetry's own among them; NumPy's tests ask `lscpu` when imported.
GUARDED = """
import sys
def refuse(event, what):
    if event in ("socket.connect", "socket.getaddrinfo") or (event == "subprocess.Popen" and what[0] != "lscpu"):
        print("tried", event, what, flush=True)
        raise OSError("blocked")
sys.addaudithook(refuse)
sys.path.insert(0, sys.argv[1])
from tests.support.report import predictions, report
page = report(predictions(60, 0), predictions(40, 1))
print("made" if "Drift report" in page else "nothing")
"""


def payloads(page: str) -> list[dict[str, object]]:
    """Return the data that the page's script draws."""
    return [json.loads(text) for text in DATA.findall(page)]


def rows(value: object) -> dict[str, dict[str, object]]:
    """Return the feature table by feature, wherever it stands in the data."""
    if isinstance(value, dict):
        own = {value["column_name"]: value} if "column_name" in value else {}
        return own | {name: row for part in value.values() for name, row in rows(part).items()}
    return {name: row for part in value for name, row in rows(part).items()} if isinstance(value, list) else {}


def numbers(value: object) -> set[float]:
    """Return all fractions in the data, as single precision has them."""
    if isinstance(value, float):
        return {float(np.float32(value))}
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {number for part in parts for number in numbers(part)}


@pytest.fixture(scope="module")
def shifted() -> str:
    """A report on a window whose contrast drifted."""
    return report(predictions(200, 0), predictions(100, 1, shift=1.5), ["contrast"])


def test_opens_with_what_it_is_about(shifted: str) -> None:
    for fact in (
        "brain-tumor",
        "1.2.0",
        "1.1.7, 200 predictions",
        "100 predictions, 2025-02-27 12:00:00+00:00 to 2025-03-01",
    ):
        assert fact in shifted
    assert shifted.startswith("<!DOCTYPE html>")


def test_says_before_anything_is_drawn_that_it_is_for_research_only(shifted: str) -> None:
    assert shifted.index("<body>") < shifted.index(DISCLAIMER) < shifted.index('<div id="root_')


def test_has_a_section_on_each_part(shifted: str) -> None:
    assert "Quality over time" in shifted and "0.905 (0.770 to 0.970)" in shifted
    drawn = json.dumps(payloads(shifted))
    for section in ("label given", "Dataset Drift", '"confidence"'):
        assert section in drawn


def test_shows_what_each_detector_says(shifted: str) -> None:
    assert "<h2>Drift</h2>" in shifted
    assert "<td>mmd</td><td>0.02</td><td>0.03</td><td>0.6</td><td>no drift</td>" in shifted
    assert "<td>ks</td><td>0.5</td><td>0.25</td><td>0.001</td><td>drift</td>" in shifted
    assert "1 of 5 features drifted: contrast." in shifted


@pytest.mark.parametrize("drifted", [(), ("contrast",), ("flat", "entropy"), ("confidence",), (*NAMES, "confidence")])
@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_draws_the_features_with_the_verdicts_of_the_check(drifted: tuple[str, ...], shift: float) -> None:
    """Whatever Evidently would have found by itself: the contrast drifted where it is shifted, and nothing else."""
    page = report(predictions(200, 0), predictions(100, 1, shift=shift), drifted)
    verdicts = {name: row["data_drift"] for name, row in rows(payloads(page)).items()}
    assert verdicts == {name: "Detected" if name in drifted else "Not Detected" for name in (*NAMES, "confidence")}
    assert f"Dataset Drift is {'detected' if drifted else 'NOT detected'}" in json.dumps(payloads(page))


@pytest.mark.parametrize(("mmd", "verdict"), [(True, "detected"), (False, "NOT detected")])
def test_its_verdict_on_all_is_that_of_the_check_also_where_no_feature_drifted(mmd: bool, verdict: str) -> None:
    page = report(predictions(200, 0), predictions(100, 1), mmd=mmd)
    assert f"Dataset Drift is {verdict}" in json.dumps(payloads(page))
    assert f"<h2>{'Drift' if mmd else 'No drift'}</h2>" in page
    assert "0 of 5 features drifted." in page


def test_draws_the_labels_without_a_verdict_of_its_own() -> None:
    page = report(predictions(200, 0, tumours=0), predictions(100, 1))
    drawn = json.dumps(payloads(page))
    assert "Unique Value Count: label given" in drawn and "chi-square" not in drawn
    assert "label given" not in rows(payloads(page))


def test_loads_nothing(shifted: str) -> None:
    assert not re.search(r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=|url\(["']?http""", shifted)
    assert "default-src 'none'; script-src 'unsafe-inline'" in shifted


def test_holds_no_value_of_a_single_finding(shifted: str) -> None:
    window = predictions(100, 1, shift=1.5)
    single = {float(value) for value in window.features[:, [0, 1, 3]].ravel()} | {float(c) for c in window.confidences}
    kept = single & numbers(payloads(shifted))
    assert len(kept) <= 2 * 4  # a histogram's outer edges


def test_opens_no_connection_and_writes_no_file(tmp_path: Path) -> None:
    # Nor does it register a metric: in the server's folder of metrics it would write a file.
    environment = {**os.environ, "HOME": str(tmp_path), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    for name in ("DO_NOT_TRACK", "ITERATIVE_DO_NOT_TRACK", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"):
        environment.pop(name, None)
    command = [sys.executable, "-c", GUARDED, str(REPOSITORY)]
    made = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert made.stdout == "made\n", made.stderr[-2000:]
    assert not list(tmp_path.iterdir())


def test_would_not_report_its_use(shifted: str) -> None:
    from evidently.telemetry import event_logger

    assert not event_logger.is_enabled()


def test_importing_it_leaves_evidently_out() -> None:
    program = "import sys, monitoring.reports.page; sys.exit(bool({'evidently', 'pandas', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY).returncode == 0


def test_keeps_its_words_on_a_page_of_another_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.reports.page._distributions", lambda *_: "<p>drawn</p>")
    assert DISCLAIMER in report(predictions(40, 0), predictions(30, 1))


def test_lets_no_name_open_a_tag() -> None:
    hostile = "</script><script>alert(1)</script>"
    names = (hostile, *NAMES[1:])
    then, now = (replace(predictions(40, seed), names=names, labels=np.full(40, hostile)) for seed in (0, 1))
    week = replace(WEEK, version=hostile, labels=(replace(TUMOR, label=hostile),))
    check = replace(check_on(then, now, [hostile]), module=hostile, reference=hostile, version=hostile)
    page = drift_report(check, then, now, [week], (hostile,))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert payloads(page)


def test_can_be_made_of_a_check_that_looked_at_no_feature() -> None:
    then, now = predictions(40, 0), predictions(30, 1)
    page = drift_report(check_of((Result("mmd", 0.02, 0.01, 0.005, True),)), then, now, [], TARGET_LABELS)
    assert "<h2>Drift</h2>" in page and "0 of 0 features drifted." in page
    drawn = json.dumps(payloads(page))
    assert "label given" in drawn and "Dataset Drift" not in drawn


@pytest.mark.parametrize("count", [1, 5])
def test_can_be_made_of_a_window_that_has_just_begun(count: int) -> None:
    assert f"{count} predictions, " in report(predictions(200, 0), predictions(count, 1))
