"""What holds for every format: told by its bytes, limited, sound or refused, and cheap to refuse."""

import random
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from imip.errors import FrameOutOfRange, ScanError, ScanTooLarge, UnsupportedFormat
from imip.scan.limits import Limits
from imip.scan.read import read_scan, sniff
from tests.support.scan_files import DICOM_MR, mr_bytes, picture_bytes, png_bytes, png_chunk, ramp, wheel_file

GRAY = ramp()
COLOR = Image.fromarray(np.stack([GRAY, GRAY // 2, 255 - GRAY], axis=-1))
PNG, JPEG = (picture_bytes(Image.fromarray(GRAY), format) for format in ("PNG", "JPEG"))


def test_formats_are_told_by_the_bytes() -> None:
    assert sniff(PNG) == "png"
    assert sniff(JPEG) == "jpeg"
    assert sniff(mr_bytes(GRAY)) == "dicom"
    for other in (b"", b"GIF89a" + bytes(200), b"\x00" * 200, b"%PDF-1.7", b"\x08\x00"):
        with pytest.raises(UnsupportedFormat):
            sniff(other)


def test_a_memoryview_is_as_good_as_bytes() -> None:
    assert np.array_equal(read_scan(memoryview(PNG)).pixels, GRAY)


def test_only_frame_zero_exists_in_a_picture() -> None:
    assert read_scan(PNG, frame=0).frame == 0
    for frame in (1, -1):
        with pytest.raises(FrameOutOfRange):
            read_scan(PNG, frame=frame)


def test_limits_are_found_on_the_header() -> None:
    with pytest.raises(ScanTooLarge):
        read_scan(PNG, limits=Limits(body_bytes=10))
    for file in (PNG, JPEG, mr_bytes(GRAY)):
        for limits in (Limits(side=19), Limits(pixels=319)):
            with pytest.raises(ScanTooLarge):
                read_scan(file, limits=limits)
        read_scan(file, limits=Limits(side=20, pixels=320))


def jpeg_of_size(width: int, height: int) -> bytes:
    file = bytearray(JPEG)
    at = file.index(b"\xff\xc0") + 5
    file[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(file)


BOMBS = {
    "png header": png_bytes(60_000, 60_000, 8, 0, bytes(1000)),
    "png short data": png_bytes(8000, 4000, 16, 6, bytes(1000)),
    "png text": png_bytes(
        20,
        16,
        8,
        0,
        b"".join(b"\0" + row.tobytes() for row in GRAY),
        png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000))),
        png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(50_000_000))),
    ),
    "png chunks": b"\x89PNG\r\n\x1a\n" + png_chunk(b"IDAT", b"") * 1_000_000,
    "jpeg size": jpeg_of_size(60_000, 60_000),
    "jpeg segments": b"\xff\xd8" + b"\xff\xe1\x00\x02" * 2_000_000,
    "jpeg passes": JPEG[:-2] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 1000 + b"\xff\xd9",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_little(name: str) -> None:
    tracemalloc.start()
    try:
        read_scan(BOMBS[name])
    except ScanError:
        assert name != "png text"
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2 * len(BOMBS[name]) + 5_000_000


ENHANCED = DICOM_MR / "enhanced" / "6_1.dcm"
SAMPLES = {
    "png": picture_bytes(COLOR, "PNG"),
    "jpeg": picture_bytes(COLOR, "JPEG"),
    "progressive jpeg": picture_bytes(COLOR, "JPEG", progressive=True),
    "native": wheel_file("MR_small.dcm"),
    "implicit": wheel_file("MR_small_implicit.dcm"),
    "big endian": wheel_file("MR_small_bigendian.dcm"),
    "deflated": wheel_file("image_dfl.dcm"),
    "rle": wheel_file("MR_small_RLE.dcm"),
    "jpeg dicom": wheel_file("SC_rgb_jpeg_dcmtk.dcm"),
    "jpeg-ls": wheel_file("MR_small_jpeg_ls_lossless.dcm"),
    "jpeg-ls color": wheel_file("SC_rgb_jls_lossy_line.dcm"),
    "jpeg 2000": wheel_file("MR_small_jp2klossless.dcm"),
    **({"enhanced": ENHANCED.read_bytes()} if ENHANCED.exists() else {}),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_truncation_is_never_a_half_gray_picture(name: str) -> None:
    file = SAMPLES[name]
    whole = read_scan(file).pixels
    for length in {*range(0, len(file), max(1, len(file) // 120)), *range(len(file) - 40, len(file))}:
        try:
            scan = read_scan(file[:length])
        except ScanError:
            continue
        assert np.array_equal(scan.pixels, whole)  # only padding was lost


@pytest.mark.parametrize("name", SAMPLES)
def test_flipped_bytes_end_in_a_scan_or_a_scan_error(name: str) -> None:
    chance = random.Random(name)
    for _ in range(150):
        file = bytearray(SAMPLES[name])
        for _ in range(chance.choice((1, 1, 2, 8))):
            file[chance.randrange(len(file))] = chance.randrange(256)
        try:
            scan = read_scan(bytes(file))
        except ScanError as error:
            assert error.__cause__ is None  # noqa: PT017 (most files are refused, some are read)
        else:
            assert scan.pixels.dtype == np.uint8 and scan.pixels.ndim == 2
