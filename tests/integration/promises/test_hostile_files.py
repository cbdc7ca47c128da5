"""Promise 5: no file ends a worker; each gets an answer, or a refusal that names its fault."""

import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.support.scan_files import picture_bytes, ramp, wheel_file
from tests.support.server import Server, problem


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
