"""Promise 2, followed to the end: a name in every text of a scan, its file and its request is found nowhere later."""

import json
import warnings
from pathlib import Path

import numpy as np
import pydicom.config
import pytest
from pydicom.datadict import DicomDictionary
from sqlalchemy import func, select

from imip.inference.artifact import read_card
from imip.inference.features import FEATURES
from imip.table import Format
from monitoring.database import connect
from monitoring.drift.arrays import PredictionArrays
from monitoring.log.export import export
from monitoring.log.queries import Filter, newest
from monitoring.log.rows import from_row
from monitoring.reports.page import drift_report
from monitoring.tables import metadata, predictions
from tests.support.report import check_on
from tests.support.scan_files import data_set, dicom_bytes, ramp
from tests.support.server import REPOSITORY, Server
from tests.support.shipped import SHIPPED

NAME = "Canary^Quillon"
MODULE = "brain-tumor"
CARD = read_card(REPOSITORY / "models" / MODULE)
TRACES = (b"canary", b"quillon")
TEXTS = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", "DA", "DT", "TM", "AS"}
NEEDED = {"PhotometricInterpretation"}  # without it there is no picture, and so nothing to log


@pytest.fixture(scope="module")
def named_scan() -> bytes:
    """A sound MR slice with the name in every text element of the dictionary."""
    ds = data_set(ramp(48, 56))
    count = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag, (vr, _, _, retired, keyword) in DicomDictionary.items():
            if vr in TEXTS and keyword and not retired and keyword not in NEEDED and tag > 0x00080000:
                ds.add(pydicom.DataElement(tag, vr, NAME, validation_mode=pydicom.config.IGNORE))
                count += 1
        data = dicom_bytes(ds)
    assert count > 1500 and data.count(NAME.encode()) >= count
    return data


@pytest.fixture(scope="module")
def told(platform: Server, named_scan: bytes) -> tuple[Server, list[bytes]]:
    """A server that was told the name in every way, and its answers."""
    http = platform.http
    headers = {"User-Agent": NAME, "Cookie": f"patient={NAME}", "X-Request-ID": NAME, "X-Forwarded-For": NAME}
    files = {"file": (f"{NAME}.dcm", named_scan, NAME)}
    answers = [
        http.post(f"/predict?module={MODULE}", files=files, headers=headers),
        *(
            http.post(f"/heatmap?module={name}", files=files, headers={**headers, "Accept": "application/json"})
            for name in SHIPPED
        ),
    ]
    assert {answer.status_code for answer in answers} == {200}
    feedback = {"request_id": answers[0].json()["request_id"], "label": answers[0].json()["label"]}
    answers += [
        http.post("/feedback", json=feedback, headers=headers),
        http.post("/feedback", json={**feedback, "label": NAME}, headers=headers),
        http.post("/feedback", json={**feedback, "comment": NAME}, headers=headers),
        http.post("/feedback", json={**feedback, NAME: NAME}, headers=headers),
        http.get("/predictions", params={"label": NAME}, headers=headers),
        http.get("/predictions", params={NAME: NAME}, headers=headers),
        *(http.get(path, headers=headers) for path in ("/predictions", "/drift", "/performance", "/metrics")),
    ]
    return platform, [answer.content + json.dumps(dict(answer.headers)).encode() for answer in answers]


def clean(text: bytes) -> bool:
    return not any(trace in text.lower() for trace in TRACES)


def test_no_answer_names_anyone(told: tuple[Server, list[bytes]]) -> None:
    assert all(clean(answer) for answer in told[1])


def test_no_file_the_server_writes_names_anyone(told: tuple[Server, list[bytes]]) -> None:
    server, _ = told
    files = list(server.files())
    assert any(file.name == "predictions.sqlite3" for file in files)
    assert not [file for file in files if not clean(file.read_bytes()) or not clean(str(file.name).encode())]


def test_no_row_of_the_log_names_anyone_or_says_whence_a_request_came(told: tuple[Server, list[bytes]]) -> None:
    engine = connect(url(told[0]))
    with engine.connect() as connection:
        rows = [str(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]
    assert len(rows) >= 3  # two predictions and a feedback
    assert not [row for row in rows if not clean(row.encode()) or "127.0.0.1" in row]


def test_no_export_and_no_report_names_anyone(told: tuple[Server, list[bytes]], tmp_path: Path) -> None:
    engine = connect(url(told[0]))
    with engine.connect() as connection:
        count = connection.execute(select(func.count()).select_from(predictions)).scalar_one()
    assert count >= 1 + len(SHIPPED)
    formats: tuple[Format, ...] = ("csv", "parquet")
    for format in formats:
        assert export(engine, Filter(), tmp_path / f"log.{format}", format, embeddings=True) == count
        assert clean((tmp_path / f"log.{format}").read_bytes())
    rows = newest(engine, MODULE, CARD.version, 10)
    current = PredictionArrays.of(map(from_row, rows * 15), FEATURES)
    check = check_on(shifted(current), current, FEATURES)
    assert clean(drift_report(check, shifted(current), current, (), ("Tumor",)).encode())


def shifted(predictions: PredictionArrays) -> PredictionArrays:
    noise = np.random.default_rng(0).normal(0, 1, predictions.features.shape).astype(np.float32)
    return PredictionArrays(
        predictions.embeddings,
        predictions.features + noise,
        predictions.names,
        predictions.confidences,
        predictions.labels,
    )


def url(server: Server) -> str:
    return f"sqlite:///{server.root / 'home/.imip/predictions.sqlite3'}"
