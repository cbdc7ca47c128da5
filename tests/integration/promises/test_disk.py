"""Promise 1: a scan never touches the disk, while it arrives, after its answer, or when a worker is killed."""

import contextlib
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.support.scan_files import picture_bytes, png_chunk
from tests.support.server import (
    Server,
    half_sent,
    kill,
    needs_proc,
    problem,
    wait_for,
)

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
