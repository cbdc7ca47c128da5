"""Promise 2: no identifying text leaves, wherever in a request or a file it stands."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
from PIL import Image

from tests.support.scan_files import data_set, dicom_bytes, mr_bytes, picture_bytes, png_chunk, ramp, wheel_file
from tests.support.server import Server, form, wait_for

NAME = "Canary^Quillon^4711"


def identified_scans() -> Iterator[bytes]:
    """Sound and faulty scans with a name in every place a file has for text."""
    names = {
        "PatientName": NAME,
        "PatientID": NAME,
        "InstitutionName": NAME,
        "StudyDescription": NAME,
        "ImageComments": NAME,
        "Manufacturer": NAME,
        "ProtocolName": NAME,
        "SOPInstanceUID": "1.2.3",
        "BodyPartExamined": NAME.upper()[:16],
    }
    pixels = ramp(40, 50)
    yield mr_bytes(pixels, **names)
    yield mr_bytes(pixels, **{**names, "Modality": "CANARY^QUILLON"})
    yield mr_bytes(pixels, **{**names, "PhotometricInterpretation": "CANARY^QUILLON"})
    truncated = mr_bytes(pixels, **names)
    yield truncated[:-500]
    other = data_set(pixels, **names)
    yield mr_bytes(pixels, **names, WindowWidth="1", WindowCenter="1234567").replace(b"1234567", b"Quillon")
    yield dicom_bytes(other).replace(b"1.2.840.10008.1.2.1\0", b"1.2.4711.4711.47.11\0")
    yield NAME.encode() * 100
    comment = png_chunk(b"tEXt", b"Author\0" + NAME.encode())
    whole = picture_bytes(Image.fromarray(pixels), "PNG")
    yield whole[:33] + comment + whole[33:]
    yield whole[:33] + comment + whole[33:-40]
    yield picture_bytes(Image.fromarray(pixels), "JPEG", comment=NAME.encode())


def test_no_name_leaves_from_file_form_path_query_or_headers(server: Server) -> None:
    """In whatever place a client writes a name: it is in no answer, log line, metric or file afterwards."""
    headers = {
        "User-Agent": NAME,
        "Referer": f"http://{NAME}/",
        "Cookie": f"patient={NAME}",
        "Authorization": f"Bearer {NAME}",
        "X-Request-ID": NAME,
        "X-Patient": NAME,
        "traceparent": "00-4f1d0c7e4f1d0c7e4f1d0c7e4f1d0c7e-4f1d0c7e4f1d0c7e-01",
        "tracestate": "canary=quillon-4711",
        "baggage": f"patient={NAME}",
    }
    answers: list[httpx.Response] = []

    def post(path: str, **request: object) -> None:
        answers.append(server.http.post(path, headers={**headers, **request.pop("headers", {})}, **request))  # type: ignore

    for scan in identified_scans():
        for route in ("/predict", "/heatmap"):
            post(f"{route}?patient={NAME}", files={"file": (f"{NAME}.dcm", scan, NAME)})
        post("/heatmap", files={"file": (NAME, scan)}, headers={"Accept": "application/json"})
    for fields in ({"module": NAME}, {"frame": NAME}, {NAME: NAME}, {"module": NAME * 100}):
        post("/predict", files={"file": (NAME, wheel_file("MR_small.dcm"))}, data=fields)
    for path in (f"/{NAME}", f"/predict/{NAME}", f"/static_content/{NAME}"):
        post(path)
    post("/predict", json={"file": NAME, NAME: NAME})
    post("/predict", content=NAME, headers={"Content-Type": f"multipart/form-data; boundary={NAME}"})
    post("/predict", content=NAME, headers={"Content-Type": NAME})
    body, kind = form((f'name="{NAME}"; filename="{NAME}"', NAME.encode()), end=False)
    post("/predict", content=body, headers=kind)
    answers.append(server.http.request("GET", f"/meta?{NAME}", headers=headers))

    traces = ("canary", "quillon", "4711")
    for answer in answers:
        seen = f"{answer.headers} {answer.text}".lower()
        assert answer.status_code < 500
        assert not any(trace in seen for trace in traces), answer.request.url
        assert "4f1d0c7e" not in seen
    everywhere = server.log() + server.http.get("/metrics").text
    assert not any(trace in everywhere.lower() for trace in ("canary^", "quillon"))
    assert not server.holds(b"Quillon")
    assert not server.holds(b"QUILLON")


def test_a_request_leaves_one_line_of_numbers_and_closed_words_in_the_log(server: Server, png: bytes) -> None:
    answer = server.http.post("/predict", files={"file": png})
    request_id = answer.json()["request_id"]

    def lines() -> list[dict[str, object]]:
        return [line for line in server.log_lines() if line.get("request_id") == request_id]

    wait_for(lines)
    (line,) = lines()
    assert set(line) == {
        "time", "level", "logger", "event", "request_id", "method", "route", "status", "duration_ms",
    }  # fmt: skip
    assert (line["event"], line["method"], line["route"], line["status"]) == ("request", "POST", "/predict", 200)
    assert isinstance(line["duration_ms"], float) and line["duration_ms"] > 0
    assert datetime.fromisoformat(str(line["time"])).utcoffset() == timedelta(0)


def test_a_path_that_does_not_exist_is_logged_without_path_and_method(server: Server) -> None:
    answer = server.http.request("LOCK", "/no-such-place")
    wait_for(lambda: answer.headers["x-request-id"] in server.log())
    (line,) = [line for line in server.log_lines() if line.get("request_id") == answer.headers["x-request-id"]]
    assert (line["route"], line["method"], line["status"]) == ("unknown", "", 404)
