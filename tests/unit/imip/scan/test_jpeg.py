"""JPEG is decoded whole or refused, whatever kind it is, and nothing is printed about a damaged one."""

import re
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from imip.errors import MalformedScan, UnsupportedScan
from imip.scan.read import read_scan
from tests.support.scan_files import picture_bytes, ramp

GRAY = ramp()


def jpeg(picture: Image.Image, **options: object) -> bytes:
    return picture_bytes(picture, "JPEG", **({"quality": 95} | options))


def test_orientation_is_found_behind_other_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = jpeg(Image.fromarray(GRAY), exif=exif)
    other = b"\xff\xe1" + struct.pack(">H", 40) + b"http://ns.adobe.com/xap/1.0/".ljust(38, b"\0")
    assert read_scan(file[:2] + other + file[2:]).pixels.shape == GRAY.shape[::-1]


@pytest.mark.parametrize(
    "tiff",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"??*\0\x08\0\0\0\1\0",
        b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, 9, 0),
    ],
)
def test_damaged_exif_turns_nothing(tiff: bytes) -> None:
    file = jpeg(Image.fromarray(GRAY))
    exif = b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff
    assert np.array_equal(read_scan(file[:2] + exif + file[2:]).pixels, read_scan(file).pixels)


TEXTURE = np.random.default_rng(0).integers(0, 256, (50, 75, 3), np.uint8)
JPEGS = {
    "gray": jpeg(Image.fromarray(TEXTURE[..., 0])),
    "4:4:4": jpeg(Image.fromarray(TEXTURE), subsampling=0),
    "4:2:2": jpeg(Image.fromarray(TEXTURE), subsampling=1),
    "4:2:0": jpeg(Image.fromarray(TEXTURE), subsampling=2),
    "rgb": jpeg(Image.fromarray(TEXTURE), keep_rgb=True),
    "cmyk": jpeg(Image.fromarray(TEXTURE).convert("CMYK")),
    "progressive": jpeg(Image.fromarray(TEXTURE), progressive=True),
    "progressive gray": jpeg(Image.fromarray(TEXTURE[..., 0]), progressive=True),
    "restart markers": jpeg(Image.fromarray(TEXTURE), restart_marker_blocks=3),
}
END = b"\xff\xd9"


@pytest.mark.parametrize("name", JPEGS)
def test_every_kind_of_jpeg_looks_as_opencv_shows_it(name: str) -> None:
    expected = cv2.imdecode(np.frombuffer(JPEGS[name], np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.abs(read_scan(JPEGS[name]).pixels.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_cut_short_is_refused_though_it_has_an_end(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    file = JPEGS[name]
    start = file.index(b"\xff\xda") + 20
    for length in range(start, len(file) - 10, (len(file) - start) // 50):
        with pytest.raises(MalformedScan):
            read_scan(file[:length] + END)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["progressive", "progressive gray"])
def test_a_progressive_jpeg_needs_all_its_passes(name: str) -> None:
    passes = [match.start() for match in re.finditer(b"\xff\xda", JPEGS[name])]
    assert len(passes) > 5
    for start in passes[1:]:
        with pytest.raises(MalformedScan, match="last pass"):
            read_scan(JPEGS[name][:start] + END)


DAMAGED = {
    "wrong restart marker": JPEGS["restart markers"].replace(b"\xff\xd1", b"\xff\xd5", 1),
    "lost restart marker": JPEGS["restart markers"].replace(b"\xff\xd1", b"", 1),
    "data after the picture": JPEGS["gray"][:-2] + bytes(20) + END,
    "zeros": JPEGS["gray"][:900] + bytes(300) + JPEGS["gray"][1200:],
    "bytes between segments": JPEGS["gray"][:20] + b"JANE" + JPEGS["gray"][20:],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_libjpeg_warns_of_is_refused_in_silence(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MalformedScan) as raised:
        read_scan(DAMAGED[name])
    assert "JANE" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_rare_chroma_subsampling_is_unsupported_and_not_called_damage() -> None:
    file = bytearray(JPEGS["4:2:0"])
    file[file.index(b"\xff\xc0") + 11] = 0x31
    with pytest.raises(UnsupportedScan, match="subsampling"):
        read_scan(bytes(file))
