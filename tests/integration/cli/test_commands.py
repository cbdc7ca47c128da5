"""`imip` on a prediction log: what a user reads, what is written, and the exit status that a script sees."""

import csv
import dataclasses
import re
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine, delete

from monitoring.database import connect, migrate
from monitoring.drift import checks
from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.reference import current
from monitoring.drift.simulation.scenarios import KINDS
from monitoring.log.rows import EMBEDDING
from monitoring.performance.feedback import give
from monitoring.tables import predictions
from tests.support.commands import said
from tests.support.drift import CARD, REFERENCE
from tests.support.heads import head
from tests.support.logged import log, prediction
from tests.support.server import free_port

MODULE = CARD.module
DRIFTED = 3
DRIFT = '{"brain-tumor": {"window": 60, "permutations": 59}}'  # quick
TOO_FEW = "Too few independent predictions"


@pytest.fixture(autouse=True)
def quick(settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMIP_DRIFT", DRIFT)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """The embedded log that the commands find."""
    engine = connect(f"sqlite:///{tmp_path / 'data' / 'predictions.sqlite3'}")
    migrate(engine)
    yield engine
    engine.dispose()


def sample(count: int, seed: int = 0) -> PredictionArrays:
    """Predictions like those of the artifact's reference."""
    return REFERENCE.predictions.take(np.random.default_rng(seed).permutation(len(REFERENCE.predictions))[:count])


def shifted(predictions: PredictionArrays) -> PredictionArrays:
    """The same from another scanner."""
    spread = predictions.features.std(axis=0)
    offset = predictions.embeddings.std(axis=0)
    return dataclasses.replace(
        predictions, features=predictions.features + spread, embeddings=predictions.embeddings + offset
    )


def enter(database: Engine, predictions: PredictionArrays, hours: float = 0) -> list[str]:
    """Log predictions, a second apart, the last one so many hours ago; return their request ids."""
    last = datetime.now(UTC) - timedelta(hours=hours)
    return log(database, *(_row(predictions, number, last) for number in range(len(predictions))))


def _row(predictions: PredictionArrays, number: int, last: datetime) -> dict[str, Any]:
    label, confidence = str(predictions.labels[number]), float(predictions.confidences[number])
    (other,) = set(CARD.labels) - {label}
    at = last - timedelta(seconds=len(predictions) - number)
    plain = prediction({label: confidence, other: 1 - confidence}, label=label, at=at, version=CARD.version)
    features = zip(predictions.names, predictions.features[number].tolist(), strict=True)
    return plain | {"features": dict(features), "embedding": predictions.embeddings[number].astype(EMBEDDING).tobytes()}


def moment(hours: float) -> str:
    """So many hours ago, as the command line takes it."""
    return (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S")


def in_use(database: Engine) -> str:
    return current(database, CARD, REFERENCE).version


@pytest.mark.parametrize(
    "command", [["log", "export", "--format", "csv", "--out", "log.csv"], ["log", "prune"], ["performance"]]
)
def test_commands_may_be_the_first_to_open_the_log(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said(*command)
    assert (tmp_path / "data" / "predictions.sqlite3").exists()


@pytest.mark.parametrize("command", [["drift", "check"], ["drift", "reference", "--shipped"], ["report", "drift"]])
def test_a_module_that_there_is_not_is_named_with_those_there_are(command: list[str], tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "page.html")] if command[0] == "report" else []
    message = said(*command, *out, "--module", "liver", status=2)
    assert MODULE in message and "Traceback" not in message


def test_the_log_is_exported_as_csv(database: Engine, tmp_path: Path) -> None:
    enter(database, sample(30))
    assert said("log", "export", "--format", "csv", "--out", tmp_path / "log.csv") == "30 predictions: log.csv\n"
    with (tmp_path / "log.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == sample(30).labels.tolist()
    np.testing.assert_allclose([float(row["sharpness"]) for row in rows], sample(30).feature("sharpness"), rtol=1e-5)
    assert "embedding" not in rows[0]


def test_the_log_is_exported_as_parquet(database: Engine, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="comes with the extra `report`")
    from pyarrow import parquet

    enter(database, sample(30))
    said("log", "export", "--embeddings", "--out", tmp_path / "log.parquet")
    table = parquet.read_table(tmp_path / "log.parquet").to_pydict()
    assert table["label"] == sample(30).labels.tolist()
    np.testing.assert_allclose(table["embedding"], sample(30).embeddings, rtol=1e-3, atol=1e-3)


def test_only_what_is_asked_for_is_exported(database: Engine, tmp_path: Path) -> None:
    enter(database, sample(30), hours=5)
    enter(database, sample(30, 1), hours=1)
    wanted = ["--label", "Tumor", "--since", moment(6), "--until", moment(3), "--module", MODULE]
    found = said("log", "export", "--format", "csv", "--out", tmp_path / "log.csv", *wanted)
    assert found.startswith(f"{(sample(30).labels == 'Tumor').sum()} predictions")


def test_what_is_too_old_or_too_much_is_pruned(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(database, sample(20), hours=48)
    enter(database, sample(20))
    assert said("log", "prune") == "0 rows deleted.\n"
    monkeypatch.setenv("IMIP_RETENTION_DAYS", "1")
    assert said("log", "prune") == "20 rows deleted.\n"
    monkeypatch.setenv("IMIP_RETENTION_ROWS", "5")
    assert said("log", "prune") == "15 rows deleted.\n"


def test_performance_is_reported_by_week(database: Engine) -> None:
    tumors = sample(40).take(np.flatnonzero(sample(40).labels == "Tumor")[:4])
    requests = enter(database, tumors)
    for request, actual in zip(requests, ("Tumor", "Tumor", "Tumor", "No Tumor"), strict=True):
        give(database, request, actual)
    output = said("performance")
    assert f"version {CARD.version}: 4 predictions" in output
    assert "measured on 4 labels   75.0%" in output
    assert "Tumor: sensitivity 100.0%" in output and "precision 75.0%" in output
    assert "estimated accuracy" in output
    assert said("performance", "--module", "another") == ""


def test_every_kind_of_drift_is_listed() -> None:
    lines = said("drift", "kinds").splitlines()
    assert [line.split()[0] for line in lines] == list(KINDS)
    assert all(len(line.split()) > 3 for line in lines)


@pytest.fixture(scope="module")
def detectors() -> None:
    pytest.importorskip("alibi_detect", reason="comes with the extra `monitor`")


@pytest.mark.usefixtures("detectors")
class TestDrift:
    """Takes TensorFlow."""

    def test_a_check_of_more_of_the_same_ends_well(self, database: Engine) -> None:
        enter(database, sample(60))
        output = said("drift", "check")
        assert f"against reference {REFERENCE.version} of {len(REFERENCE.predictions)}" in output
        assert "shifted features: none" in output
        assert [line.split()[-1] for line in output.splitlines() if line.startswith(("mmd", "ks", "chi2"))] == ["-"] * 3

    def test_a_check_of_drifted_predictions_exits_with_3_and_names_what_shifted(self, database: Engine) -> None:
        enter(database, shifted(sample(60)))
        output = said("drift", "check", status=DRIFTED)
        assert "sharpness" in output.splitlines()[-1]
        check = checks.latest(database, MODULE, CARD.version, "manual")
        assert check is not None and check.drifted
        assert checks.latest(database, MODULE, CARD.version) is None

    def test_a_check_of_too_few_predictions_fails(self, database: Engine) -> None:
        assert TOO_FEW in said("drift", "check", status=1)
        enter(database, sample(1).take([0] * 60))
        assert TOO_FEW in said("drift", "check", status=1)

    def test_a_check_of_another_time(self, database: Engine) -> None:
        enter(database, sample(60), hours=5)
        enter(database, shifted(sample(60)))
        said("drift", "check", status=DRIFTED)
        said("drift", "check", "--until", moment(2))
        assert TOO_FEW in said("drift", "check", "--until", moment(9), status=1)

    def test_a_reference_is_used_only_after_a_yes(self, database: Engine) -> None:
        enter(database, shifted(sample(60)))
        for answer in ("n\n", "\n", ""):
            output = said("drift", "reference", "--from", moment(1), status=1, answer=answer)
            assert "Use it?" in output and "the artifact's own" in output and "drift" in output
            assert in_use(database) == REFERENCE.version
        said("drift", "reference", "--from", moment(1), answer="y\n")
        assert in_use(database) != REFERENCE.version

    def test_what_is_like_the_new_reference_is_normal_until_the_shipped_one_is_back(self, database: Engine) -> None:
        enter(database, shifted(sample(60)))
        said("drift", "reference", "--from", moment(1), "--yes")
        assert in_use(database) in said("drift", "check")
        output = said("drift", "reference", "--shipped", "--yes")
        assert f"In use: {in_use(database)}" not in output
        assert in_use(database) == REFERENCE.version
        assert REFERENCE.version in said("drift", "check", status=DRIFTED)

    def test_a_reference_takes_enough_predictions(self, database: Engine) -> None:
        assert TOO_FEW in said("drift", "reference", "--from", moment(1), "--yes", status=1)
        assert in_use(database) == REFERENCE.version

    def test_a_drift_is_simulated_without_a_server(self, database: Engine, scans: Path) -> None:
        output = said("drift", "simulate", scans, "--kind", "blur", "--severity", "5", "--count", "20")
        assert "20 scans; 1 files hold no readable scan" in output
        assert "blur 5: " in output and "independent predictions of 20" in output
        assert any(line.startswith("ks ") and line.endswith(" drift") for line in output.splitlines())
        with database.begin() as connection:
            assert connection.execute(delete(predictions)).rowcount == 0

    def test_a_simulation_of_one_scan_over_and_over_says_too_little(self, tmp_path: Path) -> None:
        cv2.imwrite(str(tmp_path / "one.png"), head(7))
        output = said("drift", "simulate", tmp_path, "--kind", "none", "--severity", "1", "--count", "20")
        assert "none 1: 1 independent predictions of 20\nToo few to say anything." in output


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Twenty heads, and a file that is none."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(20):
        cv2.imwrite(str(folder / f"{number:02d}.png"), head(300 + number))
    (folder / "note.txt").write_text("no scan")
    return folder


@pytest.mark.parametrize("arguments", [[], ["--from", "2025-01-01", "--shipped"]])
def test_a_new_reference_is_named_in_one_way(arguments: list[str]) -> None:
    assert "--shipped" in said("drift", "reference", *arguments, status=2)


def test_an_unknown_kind_of_drift_is_refused_with_those_there_are(scans: Path) -> None:
    message = said("drift", "simulate", scans, "--kind", "fog", "--severity", "1", status=2)
    assert "blur" in message


def test_a_folder_without_a_scan_is_reported(tmp_path: Path) -> None:
    assert "0 scans" in said("drift", "simulate", tmp_path, "--kind", "blur", "--severity", "1", status=1)


def test_a_server_that_does_not_answer_is_reported(scans: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    options = ["--kind", "none", "--severity", "1", "--url", url, "--rate", "100", "--duration", "1"]
    assert "does not answer: ConnectError" in said("drift", "simulate", scans, *options, status=1)


def test_a_simulation_against_a_slow_server_ends_in_time(scans: Path) -> None:
    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(0.2)
            self.send_error(500)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Slow) as slow:
        threading.Thread(target=slow.serve_forever).start()
        options = ["--url", f"http://127.0.0.1:{slow.server_port}", "--rate", "20", "--duration", "1"]
        try:
            output = said("drift", "simulate", scans, "--kind", "none", "--severity", "1", *options)
        finally:
            slow.shutdown()
    sent = re.search(r"(\d+) scans sent", output)
    assert sent is not None and 1 <= int(sent[1]) <= 5


@pytest.mark.parametrize(
    ("command", "library", "extra"),
    [
        ("log export --out out", "pyarrow", "report"),
        ("report drift --out out", "evidently", "report"),
        ("report drift --out out", "alibi_detect", "monitor"),
        ("drift check", "alibi_detect", "monitor"),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    command: str, library: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    output = said(*command.split(), status=1)
    assert library in output and f"extra `{extra}`" in output
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("detectors")
def test_a_report_is_written_with_the_verdict_of_a_check(database: Engine, tmp_path: Path) -> None:
    pytest.importorskip("evidently", reason="comes with the extra `report`")
    enter(database, shifted(sample(60)))
    output = said("report", "drift", "--out", tmp_path / "page.html")
    assert output == f"60 predictions against {len(REFERENCE.predictions)}: page.html\n"
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"{REFERENCE.version}, {len(REFERENCE.predictions)} predictions" in page and CARD.version in page
    assert "<h2>Drift</h2>" in page and "sharpness" in page
    assert checks.latest(database, MODULE, CARD.version, "manual") is None


@pytest.mark.usefixtures("detectors")
def test_there_is_no_report_of_too_few_predictions(database: Engine, tmp_path: Path) -> None:
    assert TOO_FEW in said("report", "drift", "--out", tmp_path / "page.html", status=1)
    enter(database, sample(10))
    assert TOO_FEW in said("report", "drift", "--out", tmp_path / "page.html", status=1)
    assert not (tmp_path / "page.html").exists()
