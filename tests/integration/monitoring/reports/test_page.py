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
from monitoring.reports.page import drift_report
from tests.support.report import FACTS, NAMES, TUMOR, WEEK, predictions
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
from tests.support.report import FACTS, predictions
from monitoring.reports.page import drift_report
page = drift_report(predictions(60, 0), predictions(40, 1), [], FACTS)
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
    """A report on a window whose contrast drifted and whose labels did not."""
    return drift_report(predictions(200, 0), predictions(100, 1, shift=1.5), [WEEK], FACTS)


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
    for section in (
        "Drift in column 'label given'",
        "Drift in column 'confidence in the label given'",
        "Dataset Drift",
    ):
        assert section in drawn


def test_names_the_shifted_feature_and_no_other(shifted: str) -> None:
    assert "1 of 4 features drifted: contrast." in shifted
    verdicts = {name: row["data_drift"] for name, row in rows(payloads(shifted)).items()}
    assert verdicts == {name: "Detected" if name == "contrast" else "Not Detected" for name in NAMES}
    assert "Dataset Drift is detected" in json.dumps(payloads(shifted))


def test_finds_no_drift_in_more_of_the_same() -> None:
    page = drift_report(predictions(200, 0), predictions(100, 1), [], FACTS)
    assert "0 of 4 features drifted." in page
    assert "Dataset Drift is NOT detected" in json.dumps(payloads(page))


def test_tests_labels_as_two_samples() -> None:
    """100 of 200 against 60 of 100: p is 0.13; were the reference's share exact, it would be 0.0455."""
    page = drift_report(predictions(200, 0), predictions(100, 1, tumours=0.6), [], FACTS)
    assert "Data drift not detected. Drift detection method: chi-square p_value. Drift score: 0.13" in page


def test_notices_a_label_that_the_reference_lacks() -> None:
    page = drift_report(predictions(200, 0, tumours=0), predictions(100, 1), [], FACTS)
    assert "Data drift detected. Drift detection method: chi-square p_value. Drift score: 0.0" in page


def test_loads_nothing(shifted: str) -> None:
    assert not re.search(r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=|url\(["']?http""", shifted)
    assert "default-src 'none'; script-src 'unsafe-inline'" in shifted


def test_holds_no_value_of_a_single_finding(shifted: str) -> None:
    window = predictions(100, 1, shift=1.5)
    single = {float(value) for value in window.features[:, [0, 1, 3]].ravel()} | {float(c) for c in window.confidences}
    kept = single & numbers(payloads(shifted))
    assert len(kept) <= 2 * 4  # a histogram's outer edges


def test_opens_no_connection_and_writes_no_file(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
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
    monkeypatch.setattr("monitoring.reports.page._comparison", lambda *_: "<p>drawn</p>")
    assert DISCLAIMER in drift_report(predictions(40, 0), predictions(30, 1), [], FACTS)


def test_lets_no_name_open_a_tag() -> None:
    hostile = "</script><script>alert(1)</script>"
    names = (hostile, *NAMES[1:])
    then, now = (replace(predictions(40, seed), names=names, labels=np.full(40, hostile)) for seed in (0, 1))
    now = replace(now, features=now.features + np.float32(9))
    week = replace(WEEK, version=hostile, labels=(replace(TUMOR, label=hostile),))
    facts = replace(FACTS, module=hostile, sought=(hostile,), reference_version=hostile)
    page = drift_report(then, now, [week], facts)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert payloads(page)


def test_can_be_made_of_predictions_without_features() -> None:
    then, now = (predictions(count, 0).watched(()) for count in (40, 30))
    page = drift_report(then, now, [], FACTS)
    assert "0 of 0 features drifted." in page
    drawn = json.dumps(payloads(page))
    assert "Drift in column 'label given'" in drawn and "Dataset Drift" not in drawn


@pytest.mark.parametrize("count", [1, 5])
def test_can_be_made_of_a_window_that_has_just_begun(count: int) -> None:
    assert f"{count} predictions, " in drift_report(predictions(200, 0), predictions(count, 1), [], FACTS)


def test_refuses_to_compare_nothing() -> None:
    with pytest.raises(ValueError, match="needs predictions"):
        drift_report(predictions(40, 0), predictions(0, 1), [], FACTS)
    with pytest.raises(ValueError, match="different features"):
        drift_report(predictions(40, 0), replace(predictions(40, 1), names=("a", "b", "c", "d")), [], FACTS)
