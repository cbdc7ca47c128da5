"""The promises of the architecture about a server's conduct: disk, identities, connections, hostile files, models."""

import contextlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from tests.support.scan_files import data_set, dicom_bytes, mr_bytes, picture_bytes, png_chunk, ramp, wheel_file
from tests.support.server import (
    REPOSITORY,
    Server,
    form,
    free_port,
    half_sent,
    kill,
    launch,
    problem,
    running,
    wait_for,
)

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="processes are looked into through /proc")
CANARY = b"canary-4f1d0c7e-scan"
NAME = "Canary^Quillon^4711"


def large_scan(text: bytes) -> bytes:
    """A PNG of over 2 MiB, much of it a text; uploads over 1 MiB are what multipart parsers put on disk."""
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64), np.uint8)
    plain = picture_bytes(Image.fromarray(pixels), "PNG")
    comment = png_chunk(b"prVt", text * (2 * 2**20 // len(text)))
    return plain[:33] + comment + plain[33:]


def open_files_with(server: Server, text: bytes) -> list[str]:
    """The open files of the server's processes that hold a text, the deleted ones among them."""
    found = []
    for process in server.processes():
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("/") and not target.startswith("/dev/"):
                    found += [target] if text in descriptor.read_bytes() else []
    return found


def written(server: Server) -> set[Path]:
    """All files and folders where the server may write, but for what each worker makes at its start: metrics and a
    folder. The second worker may start after the server is ready.
    """
    return {
        path
        for path in server.root.rglob("*")
        if path.suffix != ".db" and not (path.name.startswith("bentoml-client-") and path.is_dir())
    }


# --- 1: the scan never touches the disk


@needs_proc
@pytest.mark.parametrize("route", ["/predict", "/heatmap"])
def test_a_scan_is_in_no_file_while_it_arrives_nor_after(server: Server, route: str) -> None:
    scan = large_scan(CANARY)
    assert len(scan) > 2 * 2**20
    files_before = written(server)
    with half_sent(server, scan[:-10], path=route, declared=30_000_000):
        wait_for(lambda: server.value("imip_requests_in_flight") > 1)
        assert not open_files_with(server, CANARY)
        assert not server.holds(CANARY)
        assert written(server) == files_before
    for _ in range(2):
        assert server.http.post(route, files={"file": (f"{NAME}.png", scan)}).status_code == 200
    problem(server.http.post(route, files={"file": (f"{NAME}.png", scan[:-2000])}), 422)
    assert not open_files_with(server, CANARY)
    assert not server.holds(CANARY)
    assert written(server) == files_before


@needs_proc
def test_no_process_that_sees_scans_may_dump_core(server: Server) -> None:
    for worker in server.workers():
        (line,) = [
            line
            for line in Path(f"/proc/{worker.pid}/limits").read_text().splitlines()
            if line.startswith("Max core file size")
        ]
        assert line.split()[4:6] == ["0", "0"]


@needs_proc
def test_a_killed_worker_leaves_no_scan_behind_and_is_replaced(small_server: Server, png: bytes) -> None:
    wait_for(lambda: small_server.value("imip_requests_in_flight") == 1)
    (worker,) = small_server.workers()
    with half_sent(small_server, large_scan(CANARY)[:-10]):
        wait_for(lambda: small_server.value("imip_requests_in_flight") == 2)
        kill(worker)
        wait_for(lambda: not psutil.pid_exists(worker.pid) or worker.status() == psutil.STATUS_ZOMBIE)
        assert not small_server.holds(CANARY)
    small_server.wait_until_ready()
    assert worker.pid not in {process.pid for process in small_server.workers()}
    assert small_server.http.post("/predict", files={"file": png}).status_code == 200
    assert not small_server.holds(CANARY)
    wait_for(lambda: small_server.value("imip_requests_in_flight") == 1)  # the dead worker's request is not counted


# --- 2: no identifying text leaves


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


# --- 3: no connections


class Listener(http.server.BaseHTTPRequestHandler):
    visits: ClassVar[list[str]] = []

    def do_GET(self) -> None:  # http.server's name
        self.visits.append(self.path)
        self.send_response(200)
        self.end_headers()

    do_POST = do_HEAD = do_PUT = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def listener() -> Iterator[str]:
    """A URL whose visits are noticed."""
    Listener.visits.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as visited:
        thread = threading.Thread(target=visited.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{visited.server_port}"
        httpx.get(f"{url}/check", trust_env=False)
        yield url
        visited.shutdown()


def test_a_url_in_a_request_is_never_fetched(server: Server, listener: str, png: bytes) -> None:
    url = f"{listener}/scan.png"
    whole = {"file": ("scan.png", png)}
    for route in ("/predict", "/heatmap"):
        for content, kind in (form(('name="file"', url.encode())), form(('name="file"; filename="a"', url.encode()))):
            problem(server.http.post(route, content=content, headers=kind))
        for value in (url, {"url": url}, [url]):
            problem(server.http.post(route, json={"file": value}), 400)
        problem(server.http.post(route, content=url, headers={"Content-Type": "text/plain"}), 400)
        problem(server.http.post(route, data={"file": url}), 400)
        problem(server.http.post(route, files=whole, data={"module": url}), 422)
        named = server.http.post(route, files={"file": (url, png)}, headers={"Referer": url, "Origin": url})
        assert named.status_code == 200
        assert server.http.post(f"{route}?file={url}&url={url}", files=whole).status_code == 200
    assert Listener.visits == ["/check"]


@needs_proc
def test_workers_talk_to_clients_and_to_nobody_else(server: Server, png: bytes) -> None:
    server.http.post("/predict", files={"file": png})
    for worker in server.workers():
        sockets = worker.net_connections("inet")
        assert sockets
        assert {one.laddr.port for one in sockets} == {server.port}  # it listens there, or a client came there


@needs_proc
def test_the_process_manager_talks_to_this_machine_only(server: Server) -> None:
    for process in server.processes():
        for one in process.net_connections("inet"):
            assert one.laddr.ip == "127.0.0.1"
            assert not one.raddr or one.raddr.ip == "127.0.0.1"


def in_a_process(code: str, root: Path, **settings: str) -> str:
    """What Python code prints in a process that imports the service as a worker does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("IMIP_", "BENTO"))}
    environment |= {"BENTOML_HOME": str(root), "HOME": str(root), **settings}
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def test_usage_is_not_reported_though_nobody_set_a_variable(tmp_path: Path) -> None:
    asked_before = (
        "from bentoml._internal.utils.analytics import usage_stats as u; before = u.do_not_track();"
        "import service; print(before, u.do_not_track())"
    )
    assert in_a_process(asked_before, tmp_path) == "False True"


def test_a_crash_on_any_route_is_answered_before_bentoml_gives_it_up(tmp_path: Path) -> None:
    """BentoML waits a minute for the answer of what has crashed."""
    code = (
        "import asyncio, httpx, service; from serving import openapi; openapi.document = lambda *_, **__: 1 / 0\n"
        "app = httpx.ASGITransport(service.service.to_asgi())\n"
        "client = httpx.AsyncClient(transport=app, base_url='http://test')\n"
        "answer = asyncio.run(asyncio.wait_for(client.get('/docs.json'), 30))\n"
        "print(answer.status_code, answer.headers['content-type'])"
    )
    assert in_a_process(code, tmp_path) == "500 application/problem+json"


def test_a_worker_runs_its_graph_once_before_it_takes_a_scan(tmp_path: Path) -> None:
    """Nothing of it is counted, so only the graph can tell."""
    code = (
        "from imip.inference.runtime import Graph; run, runs = Graph.run, []\n"
        "Graph.run = lambda self, pixels: runs.append(pixels) or run(self, pixels)\n"
        "import service; service.Imip(); print(len(runs))"
    )
    assert in_a_process(code, tmp_path, IMIP_MODULES='["brain-tumor"]') == "1"


def test_workers_have_neither_tensorflow_nor_the_drift_detector(tmp_path: Path) -> None:
    code = (
        "import service, sys; service.service.to_asgi();print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = in_a_process(code, tmp_path)
    assert "'ai_edge_litert'" in loaded
    for name in ("tensorflow", "keras", "alibi_detect", "torch", "sklearn", "training"):
        assert f"'{name}'" not in loaded


@needs_proc
def test_live_workers_map_no_library_of_tensorflow(server: Server) -> None:
    for worker in server.workers():
        libraries = {mapped.path for mapped in worker.memory_maps() if mapped.path.endswith(".so")}
        assert any("litert" in path for path in libraries)
        assert not any("/tensorflow/" in path or "/sklearn/" in path for path in libraries)


# --- 5: hostile files


def hostile_files() -> Iterator[bytes]:
    generator = np.random.default_rng(20)
    sound = [
        picture_bytes(Image.fromarray(ramp(40, 50)), "PNG"),
        picture_bytes(Image.fromarray(ramp(40, 50)), "JPEG"),
        wheel_file("MR_small.dcm"),
        wheel_file("MR_small_RLE.dcm"),
        wheel_file("MR_small_jp2klossless.dcm"),
        wheel_file("MR_small_jpeg_ls_lossless.dcm"),
        wheel_file("MR_small_bigendian.dcm"),
    ]
    for file in sound:
        for share in (0.02, 0.5, 0.97):
            yield file[: int(len(file) * share)]
        for _ in range(6):
            damaged = bytearray(file)
            reach = len(file) if generator.random() < 0.5 else min(len(file), 1500)  # headers are short
            for position in generator.integers(0, reach, int(generator.integers(1, 12))):
                damaged[position] = generator.integers(0, 256)
            yield bytes(damaged)
    yield zlib.compress(bytes(10**6))
    yield b"\xff\xd8\xff" + bytes(1000)
    yield b"\x89PNG\r\n\x1a\n"
    yield bytes(128) + b"DICM" + b"\xff" * 1000
    yield b"\x08\x00" * 500


def test_hostile_files_are_answered_by_workers_that_live_on(server: Server, png: bytes) -> None:
    workers = {worker.pid for worker in server.workers()}
    assert len(workers) == 2
    for number, file in enumerate(hostile_files()):
        route = ("/predict", "/heatmap")[number % 2]
        answer = server.http.post(route, files={"file": file}, timeout=10)
        if answer.status_code != 200:
            assert problem(answer)["type"].startswith("urn:imip:problem:")
    assert {worker.pid for worker in server.workers()} == workers
    assert server.http.post("/predict", files={"file": png}).status_code == 200


# --- 9: users cannot change a model online


def test_no_route_but_inferences_and_feedback_takes_anything(server: Server) -> None:
    paths = set(server.http.get("/docs.json").json()["paths"])
    paths |= {"/", "/meta", "/docs.json", "/schema.json", "/models", "/reload", "/admin", "/train", "/module"}
    taking = set()
    for path in paths:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = server.http.request(method, path)
            if problem(answer)["status"] not in (404, 405):
                taking.add((method, path))
    assert taking == {("POST", "/predict"), ("POST", "/heatmap"), ("POST", "/feedback")}


def test_files_altered_under_a_running_server_change_nothing(tmp_path: Path, head: bytes) -> None:
    """Then a new start is refused, with the name of the altered file."""

    def ask(server: Server) -> list[object]:
        answers = [server.http.post("/predict", files={"file": head}).json() for _ in range(2)]
        return [[answer["probabilities"], answer["model"]] for answer in answers]

    with running(tmp_path, IMIP_WORKERS="1") as server:
        before = ask(server), server.http.get("/meta").json()
        (stored,) = (tmp_path / "bentoml").rglob("model.tflite")
        weights = bytearray(stored.read_bytes())
        weights[len(weights) // 2] ^= 0xFF
        stored.write_bytes(bytes(weights))
        card = stored.parent / "card.yaml"
        card.write_text(card.read_text().replace("No Tumor", "Altered"))
        assert (ask(server), server.http.get("/meta").json()) == before
        card.unlink()
        assert (ask(server), server.http.get("/meta").json()) == before
    shutil.copy(REPOSITORY / "models" / "brain-tumor" / "card.yaml", card)
    port = free_port()
    process = launch(tmp_path, port, IMIP_WORKERS="1")
    server = Server(tmp_path, port, process)
    try:
        wait_for(lambda: process.poll() is not None or "ArtifactError" in server.log(), 60)
        with pytest.raises(httpx.TransportError):
            server.http.get("/readyz", timeout=1)
        assert "model.tflite" in server.log()
    finally:
        server.stop()
