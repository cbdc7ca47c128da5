"""Requests that are wrong in every way we know: each gets a 4xx in one shape that names the fault."""

import asyncio
import json
import pickle
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian
from starlette.requests import Request

from imip.settings import Settings
from serving.uploads import _bounded, scan_upload
from tests.support.scan_files import data_set, dicom_bytes, mr_bytes, png_chunk, ramp, wheel_file
from tests.support.server import Server, answer_on, form, half_sent, problem, wait_for

MiB = 2**20
FILE = 'name="file"; filename="scan.png"'


@pytest.fixture(params=["/predict", "/heatmap"])
def route(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def deflate_bomb() -> bytes:
    """A DICOM file of a few hundred KiB whose data set inflates to 300 MiB."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    element = b"\x09\x00\x01\x00UT\0\0" + struct.pack("<I", 300 * MiB)
    deflated = [deflater.compress(element), *(deflater.compress(bytes(MiB)) for _ in range(300)), deflater.flush()]
    plain = dicom_bytes(data_set(ramp()), DeflatedExplicitVRLittleEndian)
    meta_end = 144 + struct.unpack("<I", plain[140:144])[0]
    return plain[:meta_end] + b"".join(deflated)


def huge_png_header() -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")


FILES: dict[str, tuple[Callable[[bytes], bytes], int, str]] = {
    "empty": (lambda png: b"", 415, "unsupported-format"),
    "text": (lambda png: b"hello", 415, "unsupported-format"),
    "gif": (lambda png: b"GIF89a" + bytes(100), 415, "unsupported-format"),
    "truncated png": (lambda png: png[: len(png) // 2], 422, "malformed-scan"),
    "truncated dicom": (lambda png: wheel_file("MR_small.dcm")[:4000], 422, "malformed-scan"),
    "huge png header": (lambda png: huge_png_header(), 413, "scan-too-large"),
    "deflate bomb": (lambda png: deflate_bomb(), 413, "scan-too-large"),
    "too many frames": (lambda png: mr_bytes(ramp(), NumberOfFrames=5000), 413, "scan-too-large"),
    "dicom without image": (lambda png: dicom_bytes(data_set()), 422, "unsupported-scan"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_analysed_is_named_as_what_it_is(
    server: Server, route: str, name: str, png: bytes
) -> None:
    make, status, slug = FILES[name]
    body = problem(server.http.post(route, files={"file": ("scan.png", make(png))}), status)
    assert body["type"] == f"urn:imip:problem:{slug}"


@pytest.mark.parametrize("declared", ["", "\u00b2", "-1", "1e9"])
def test_a_declared_length_that_is_no_number_is_not_believed(declared: str) -> None:
    async def body() -> list[bytes]:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"scan"}

        headers = [(b"content-length", declared.encode("latin-1"))]
        request = Request({"type": "http", "headers": headers}, receive)
        return [chunk async for chunk in _bounded(request, MiB) if chunk]

    assert asyncio.run(body()) == [b"scan"]


def damaged_forms(png: bytes) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    whole, headers = form((FILE, png))
    kind = "multipart/form-data"
    yield "no body", b"", headers
    yield "no boundary", whole, {"Content-Type": kind}
    yield "empty boundary", whole, {"Content-Type": f"{kind}; boundary="}
    yield "too long boundary", whole, {"Content-Type": f"{kind}; boundary={'B' * 300}"}
    yield "other boundary", whole, {"Content-Type": f"{kind}; boundary=C"}
    yield "cut in the file", whole[: len(whole) // 2], headers
    yield "cut in a header", whole[:20], headers
    yield "junk in front", b"junk" + whole, headers
    yield "no name", *form(('filename="scan.png"', png))
    yield "no disposition", b"--B\r\nContent-Type: image/png\r\n\r\n" + png + b"\r\n--B--\r\n", headers
    yield "damaged part header", whole.replace(b"Content-Disposition:", b"Content Disposition\x01:"), headers
    yield "huge part header", whole.replace(b"form-data;", b"form-data; x=" + b"y" * 10_000 + b";"), headers
    yield "no file", *form(('name="module"', b"brain-tumor"))
    yield "file under another name", *form(('name="scan"; filename="scan.png"', png))
    yield "text as file", *form(('name="file"', b"hello"))
    yield "scan as text", *form(('name="file"', png))
    yield "two files", *form((FILE, png), (FILE, png))
    yield "file and text", *form((FILE, png), ('name="file"', b"hello"))
    yield "two modules", *form((FILE, png), ('name="module"', b"a"), ('name="module"', b"a"))
    yield "module as file", *form((FILE, png), ('name="module"; filename="x"', b"brain-tumor"))
    yield "too long field", *form((FILE, png), ('name="module"', b"m" * 2000))
    yield "too many fields", *form((FILE, png), *((f'name="f{number}"', b"x") for number in range(9)))
    yield "undecodable charset", whole, {"Content-Type": f"{headers['Content-Type']}; charset=undefined"}
    for frame in (b"-1", b"1.5", b"x", b"[]", b"{}", b"true", b"1e999", b"9" * 12, b"\xff", "\u0663".encode(), b"0x1"):
        yield f"frame {frame!r}", *form((FILE, png), ('name="frame"', frame))
    yield "frame of brackets", *form((FILE, png), ('name="frame"', b"[" * 1000))
    for kind in ("text/plain", "application/json", "application/octet-stream", "image/png", "", "multipart/mixed"):
        yield f"as {kind or 'nothing'}", whole, {"Content-Type": kind}
    yield "form url encoded", b"file=hello", {"Content-Type": "application/x-www-form-urlencoded"}


def test_every_damaged_form_is_a_bad_request(server: Server, png: bytes) -> None:
    for name, body, headers in damaged_forms(png):
        for route in ("/predict", "/heatmap"):
            answer = server.http.post(route, content=body, headers=headers)
            assert answer.status_code == 400, (name, answer.text)
            assert problem(answer)["type"] == "urn:imip:problem:malformed-request"


@pytest.mark.parametrize("module", [b"[" * 1000, b'"\\ud800"', b"\xff\xfe", b"9" * 1000, b"NaN", b"null\0", b"..%2f"])
def test_a_strange_module_is_only_unknown(server: Server, png: bytes, module: bytes) -> None:
    body, headers = form((FILE, png), ('name="module"', module))
    problem(server.http.post("/predict", content=body, headers=headers), 422)


@pytest.mark.parametrize(
    ("name", "address", "form", "agree"),
    [
        ("any_modality", "1", "true", True),
        ("any_modality", "false", "0", True),
        ("any_modality", "1", "false", False),
        ("frame", "00", "0", True),
        ("frame", "0", "1", False),
        ("module", "brain-tumor", "brain-tree", False),
    ],
)
def test_form_and_address_differ_where_they_mean_different_things(
    server: Server, png: bytes, name: str, address: str, form: str, agree: bool
) -> None:
    answer = server.http.post(f"/predict?{name}={address}", files={"file": png}, data={name: form})
    assert answer.status_code == (200 if agree else 400), answer.text
    if not agree:
        assert f"differ in '{name}'" in problem(answer)["detail"]


def test_the_form_has_the_limits_and_the_default_of_its_settings() -> None:
    first, other = (scan_upload(Settings(modules=(name, "more"))) for name in ("brain-tumor", "lung"))
    for form_type, default in ((first, "brain-tumor"), (other, "lung")):
        assert form_type.model_json_schema()["properties"]["module"]["default"] == default
        assert form_type.multipart_fields == ["file"]


def test_a_strange_charset_or_file_name_does_no_harm(server: Server, png: bytes) -> None:
    for charset in ("utf-7", "idna", "hex", "rot13", "no-such", "latin-1"):
        body, headers = form(('name="file"; filename="../../etc/\xff%00\u202e"', png))
        answer = server.http.post(
            "/predict", content=body, headers={"Content-Type": f"{headers['Content-Type']}; charset={charset}"}
        )
        assert answer.status_code == 200, (charset, answer.text)


def test_a_body_that_declares_too_much_is_refused_unread(server: Server) -> None:
    with half_sent(server, b"x", declared=40 * MiB) as connection:  # no more than that byte is ever sent
        status, answer = answer_on(connection)
    assert status == 413
    assert b"urn:imip:problem:scan-too-large" in answer


def test_a_body_that_declares_nothing_is_refused_once_it_is_too_large(small_server: Server) -> None:
    head, headers = form((FILE, b""), end=False)
    sent = []

    def chunks() -> Iterator[bytes]:
        yield head
        for _ in range(8):
            sent.append(MiB)
            yield bytes(MiB)

    body = problem(small_server.http.post("/predict", content=chunks(), headers=headers), 413)
    assert body["type"] == "urn:imip:problem:scan-too-large"
    assert "4000000" in body["detail"]


def test_a_file_just_over_the_limit_is_refused_within_the_forms_margin(small_server: Server) -> None:
    limit = small_server.http.get("/meta").json()["limits"]["body_bytes"]
    over = mr_bytes(np.zeros((1, limit), np.uint8)[:, :60_000])
    over += bytes(limit + 1 - len(over))
    assert problem(small_server.http.post("/predict", files={"file": over}), 413)["type"].endswith("scan-too-large")


@pytest.mark.parametrize(
    "path", ["/nope", "/predict/", "/predict/submit", "/PREDICT", "//predict", "/static_content/", "/static_content/x"]
)
def test_an_unknown_path_is_not_found(server: Server, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        problem(server.http.request(method, f"{server.url}{path}"), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/predict", "POST"),
        ("PUT", "/heatmap", "POST"),
        ("OPTIONS", "/predict", "POST"),
        ("LOCK", "/predict", "POST"),
    ]
    + [("POST", path, "GET, HEAD") for path in ("/meta", "/livez", "/readyz", "/metrics", "/docs.json", "/")],
)
def test_a_wrong_method_is_told_the_right_ones(server: Server, method: str, path: str, allowed: str) -> None:
    answer = server.http.request(method, path)
    problem(answer, 405)
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("name", ["file", "scan", "path", "url"])
def test_a_path_in_json_is_never_opened(server: Server, tmp_path: Path, name: str) -> None:
    """BentoML before 1.4.40 reads the file that JSON names where a parameter is a `Path`; ours is none."""
    canary = tmp_path / "canary.png"
    canary.write_bytes(b"\x89PNG\r\n\x1a\ncanary-4711-content")
    values = [str(canary), f"file://{canary}", canary.as_uri(), {"path": str(canary)}, [str(canary)]]
    read_at = canary.stat().st_atime_ns
    for route in ("/predict", "/heatmap"):
        for value in values:
            answer = server.http.post(route, json={name: value, "module": "brain-tumor"})
            problem(answer, 400)
            assert "canary" not in answer.text
        as_text, headers = form((f'name="{name}"', str(canary).encode()))
        problem(server.http.post(route, content=as_text, headers=headers), 400)
    assert canary.stat().st_atime_ns == read_at
    assert not server.holds(b"canary-4711-content")


class Payload:
    """What unpickles into a file that proves it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("kind", ["application/vnd.bentoml+pickle", "application/vnd.bentoml+pickle; x=y"])
def test_a_pickle_is_never_loaded(server: Server, route: str, tmp_path: Path, kind: str) -> None:
    proof = tmp_path / "proof"
    content = pickle.dumps({"file": Payload(proof)})
    answer = server.http.post(
        route, content=content, headers={"Content-Type": kind, "Payload-Container": "DefaultContainer"}
    )
    assert problem(answer)["status"] in (400, 415)
    body, headers = form((FILE, content))
    problem(server.http.post(route, content=body, headers=headers), 415)
    assert not proof.exists()


def test_a_client_that_takes_too_long_is_told_so(small_server: Server, png: bytes) -> None:
    with half_sent(small_server, png) as connection:
        status, answer = answer_on(connection)
    assert status == 408
    assert b"urn:imip:problem:upload-timeout" in answer


def test_a_client_that_hangs_up_is_forgotten(small_server: Server, png: bytes) -> None:
    def hung_up() -> float:
        return small_server.value("imip_request_duration_seconds_count", route="/predict", status="499")

    before, refused = hung_up(), small_server.value("imip_rejections_total")
    with half_sent(small_server, png):
        wait_for(lambda: small_server.value("imip_requests_in_flight") > 1)
    wait_for(lambda: small_server.value("imip_requests_in_flight") == 1)  # that of /metrics itself
    wait_for(lambda: hung_up() == before + 1)
    assert small_server.value("imip_rejections_total") == refused
    assert small_server.http.post("/predict", files={"file": png}).status_code == 200


def test_a_websocket_is_refused_without_a_server_error(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(
            b"GET /predict HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert answer_on(connection)[0] == 403


def test_no_request_of_this_file_was_a_crash(server: Server, small_server: Server) -> None:
    for one in (server, small_server):
        statuses = {
            int(sample.labels["status"]) for sample in one.samples() if "status" in sample.labels and sample.value
        }
        assert statuses and all(status < 500 or status == 503 for status in statuses)


def test_an_answer_without_failure_is_no_problem(server: Server, png: bytes) -> None:
    answer: httpx.Response = server.http.post("/predict", files={"file": png})
    assert answer.headers["content-type"] == "application/json"
    assert "type" not in json.loads(answer.text)
