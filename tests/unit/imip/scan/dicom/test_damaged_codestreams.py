"""Damaged codestreams inside DICOM are refused, whichever decoder would fill in their rest, and print nothing."""

import io
import re
from itertools import pairwise

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

from imip.errors import MalformedScan
from imip.scan.codestream.jpeg2000 import read_jpeg2000
from imip.scan.read import read_scan
from tests.support.codestreams import SLICE, lossless_jpeg
from tests.support.scan_files import DICOM_MR, compressed, data_set, picture_bytes, ramp, wheel_file

SERIES = DICOM_MR / "transfer-syntaxes"
needs_series = pytest.mark.skipif(not SERIES.exists(), reason="the shared DICOM files are not here")
JPEG2000 = picture_bytes(Image.fromarray(ramp()), "JPEG2000", no_jp2=True)


@pytest.mark.parametrize("padding", [b"\xff\xff\xff\xd9", b"\xff\xd9\0", b"\xff\xd9\0\0\0\0\0\0\xff\xd9"])
def test_padding_around_the_end_of_a_lossless_jpeg_is_no_damage(padding: bytes) -> None:
    padded = lossless_jpeg()[:-2] + padding
    assert np.array_equal(read_scan(compressed(data_set(ramp()), padded, uid.JPEGLosslessSV1)).pixels, ramp())


@pytest.mark.parametrize("count", [1, 3, 30])
def test_data_after_the_picture_of_a_lossless_jpeg_is_damage(count: int, capfd: pytest.CaptureFixture[str]) -> None:
    longer = lossless_jpeg()[:-2] + b"\x55" * count + b"\xff\xd9"
    with pytest.raises(MalformedScan):
        read_scan(compressed(data_set(ramp()), longer, uid.JPEGLosslessSV1))
    assert capfd.readouterr() == ("", "")


TEXTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def tiled_jpeg2000() -> bytes:
    """Twelve tiles of a tile-part each."""
    return picture_bytes(Image.fromarray(TEXTURE[..., 0]), "JPEG2000", no_jp2=True, tile_size=(16, 16))


def frame_of(name: str) -> tuple[Dataset, bytes, str]:
    """The data set, the compressed frame and the syntax of a sample."""
    ds = pydicom.dcmread(io.BytesIO(wheel_file(name)))
    return ds, get_frame(ds.PixelData, 0, number_of_frames=1).rstrip(b"\0"), ds.file_meta.TransferSyntaxUID


CODESTREAMS: dict[str, tuple[Dataset, bytes, str]] = {
    "jpeg": (
        data_set(TEXTURE[..., 0]),
        picture_bytes(Image.fromarray(TEXTURE[..., 0]), "JPEG"),
        uid.JPEGBaseline8Bit,
    ),
    "color jpeg": (
        data_set(TEXTURE, PhotometricInterpretation="YBR_FULL_422"),
        picture_bytes(Image.fromarray(TEXTURE), "JPEG"),
        uid.JPEGBaseline8Bit,
    ),
    "extended jpeg": (
        data_set(TEXTURE[..., 0]),
        picture_bytes(Image.fromarray(TEXTURE[..., 0]), "JPEG", progressive=True),
        uid.JPEGExtended12Bit,
    ),
    "lossless jpeg": (data_set(ramp()), lossless_jpeg(), uid.JPEGLossless),
    "deep lossless jpeg": (
        data_set(SLICE, BitsStored=12, HighBit=11),
        lossless_jpeg(picture=SLICE, depth=12),
        uid.JPEGLosslessSV1,
    ),
    "jpeg-ls": frame_of("MR_small_jpeg_ls_lossless.dcm"),
    "jpeg-ls color": frame_of("SC_rgb_jls_lossy_line.dcm"),
    "jpeg 2000": frame_of("MR_small_jp2klossless.dcm"),
    "jpeg 2000 tiles": (data_set(TEXTURE[..., 0]), tiled_jpeg2000(), uid.JPEG2000),
}


@pytest.mark.parametrize("name", CODESTREAMS)
def test_a_codestream_cut_short_is_refused_though_it_has_an_end(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    ds, codestream, syntax = CODESTREAMS[name]
    read_scan(compressed(ds, codestream, syntax))
    start = len(codestream) // 3
    for length in range(start, len(codestream) - 5, max(1, (len(codestream) - start) // 40)):
        with pytest.raises(MalformedScan):
            read_scan(compressed(ds, codestream[:length] + b"\xff\xd9", syntax))
    assert capfd.readouterr() == ("", "")


@needs_series
def test_a_real_slice_cut_in_half_is_refused_in_every_compressed_syntax(capfd: pytest.CaptureFixture[str]) -> None:
    for path in SERIES.glob("*.dcm"):
        ds = pydicom.dcmread(path)
        syntax = ds.file_meta.TransferSyntaxUID
        if not ds["PixelData"].is_undefined_length:
            continue
        frame = get_frame(ds.PixelData, 0, number_of_frames=1)
        read_scan(compressed(ds, frame, syntax))
        with pytest.raises(MalformedScan):
            read_scan(compressed(ds, frame[: len(frame) // 2] + b"\xff\xd9", syntax))
    assert capfd.readouterr() == ("", "")


def tile_parts(codestream: bytes) -> list[int]:
    return [match.start() for match in re.finditer(b"\xff\x90\0\x0a", codestream)]


def test_a_jpeg_2000_without_one_of_its_tiles_is_refused() -> None:
    whole = tiled_jpeg2000()
    starts = tile_parts(whole)
    assert len(starts) == 12
    for start, end in pairwise([*starts, len(whole) - 2]):
        with pytest.raises(MalformedScan, match="lacks a tile"):
            read_scan(compressed(data_set(TEXTURE[..., 0]), whole[:start] + whole[end:], uid.JPEG2000))


@pytest.mark.parametrize(
    ("offset", "value", "sound"),
    [
        (6, b"\0\0\0\0", True),  # length: up to the end
        (6, b"\0\0\0\x0b", False),
        (6, b"\xff\xff\xff\xff", False),
        (11, b"\0", True),  # number of tile-parts: unknown
        (11, b"\2", False),
        (4, b"\0\1", False),  # tile: the second of one
    ],
)
def test_the_tile_parts_of_a_jpeg_2000_must_be_as_they_say(offset: int, value: bytes, sound: bool) -> None:
    (start,) = tile_parts(JPEG2000)
    at = start + offset
    changed = JPEG2000[:at] + value + JPEG2000[at + len(value) :]
    if sound:
        assert read_jpeg2000(changed) == read_jpeg2000(JPEG2000)
    else:
        with pytest.raises(MalformedScan):
            read_jpeg2000(changed)
