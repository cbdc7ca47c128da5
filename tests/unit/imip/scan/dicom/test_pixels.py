"""Pixel data that contradict their data set, promise too much, or would crash their decoder."""

import struct

import numpy as np
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset

from imip.errors import MalformedScan, ScanTooLarge, UnsupportedScan
from imip.scan.dicom import pixels as dicom_pixels
from imip.scan.limits import Limits
from imip.scan.read import read_scan
from tests.support.codestreams import lossless_jpeg, rle_frame
from tests.support.scan_files import compressed, data_set, dicom_bytes, mr_bytes, picture_bytes, ramp, wheel_file

SLICE = ramp().astype(np.uint16) * 16  # 12 bits of 16

JPEG = picture_bytes(Image.fromarray(ramp()), "JPEG")
JPEG_COLOR = picture_bytes(Image.fromarray(np.stack([ramp()] * 3, axis=-1)), "JPEG")
JPEG2000 = picture_bytes(Image.fromarray(ramp()), "JPEG2000", no_jp2=True)


@pytest.mark.parametrize(("codestream", "syntax"), [(JPEG, uid.JPEGBaseline8Bit), (JPEG2000, uid.JPEG2000Lossless)])
def test_the_codestream_must_agree_with_the_data_set(codestream: bytes, syntax: str) -> None:
    assert np.abs(read_scan(compressed(data_set(ramp()), codestream, syntax)).pixels - ramp().astype(int)).max() <= 8
    for lie in ({"Rows": 15}, {"Columns": 4096, "Rows": 4096}, {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}):
        with pytest.raises(MalformedScan):
            read_scan(compressed(data_set(ramp(), **lie), codestream, syntax))


def test_a_huge_codestream_in_a_small_data_set_is_refused() -> None:
    at = JPEG.index(b"\xff\xc0") + 5
    huge = JPEG[:at] + b"\xea\x60\xea\x60" + JPEG[at + 4 :]
    with pytest.raises(MalformedScan):
        read_scan(compressed(data_set(ramp()), huge, uid.JPEGBaseline8Bit))
    huge = JPEG2000[:8] + b"\0\0\xea\x60" * 2 + JPEG2000[16:]
    with pytest.raises(MalformedScan):
        read_scan(compressed(data_set(ramp()), huge, uid.JPEG2000Lossless))


def test_color_in_a_gray_data_set_is_refused() -> None:
    with pytest.raises(MalformedScan):
        read_scan(compressed(data_set(ramp()), JPEG_COLOR, uid.JPEGBaseline8Bit))


@pytest.mark.parametrize(
    "lie",
    [
        {"Rows": 17},
        {"Rows": 0},
        {"NumberOfFrames": 2},
        {"NumberOfFrames": 0},
        {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
        {"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31},
        {"BitsStored": 40},
        {"BitsAllocated": 7},
        {"PixelRepresentation": 2},
        {"RescaleSlope": "1e300"},
    ],
    ids=str,
)
def test_contradictions_are_refused(lie: dict[str, object]) -> None:
    with pytest.raises((MalformedScan, UnsupportedScan)):
        read_scan(mr_bytes(SLICE, RescaleIntercept=0, **lie))


def test_too_many_frames_are_refused() -> None:
    with pytest.raises(ScanTooLarge):
        read_scan(mr_bytes(ramp(), NumberOfFrames=5000))


def lying(pixels: np.ndarray, **attributes: object) -> Dataset:
    """A data set whose attributes promise more than its few pixels."""
    ds = data_set(pixels, **attributes)
    del ds.PixelData
    return ds


def test_the_decoded_bytes_are_bounded_before_decoding() -> None:
    deep = lying(ramp(), Rows=400, Columns=800, BitsAllocated=32, BitsStored=32, HighBit=31)
    deep.SamplesPerPixel, deep.PhotometricInterpretation, deep.PlanarConfiguration = 3, "RGB", 0
    double = lying(ramp(), Rows=400, Columns=800, BitsAllocated=64)
    double.DoubleFloatPixelData = bytes(400 * 800 * 8)
    files = [
        compressed(deep, rle_frame(b"\x81\7" * 2500, 12), uid.RLELossless),
        dicom_bytes(double, uid.DeflatedExplicitVRLittleEndian),
    ]
    for file in files:
        with pytest.raises(ScanTooLarge, match="when decoded"):
            read_scan(file, limits=Limits(decoded_bytes=2_000_000))
    read_scan(mr_bytes(SLICE), limits=Limits(decoded_bytes=SLICE.nbytes))
    with pytest.raises(ScanTooLarge, match="when decoded"):
        read_scan(mr_bytes(SLICE), limits=Limits(decoded_bytes=SLICE.nbytes - 1))


def test_color_lossless_jpeg_never_reaches_its_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    color = wheel_file("SC_rgb_jpeg_gdcm.dcm")
    samples, photometric = color.index(b"\x28\0\2\0US") + 8, color.index(b"\x28\0\4\0CS")
    gray_outside = color[:samples] + b"\1" + color[samples + 1 :]
    length = int.from_bytes(color[photometric + 6 : photometric + 8], "little")
    gray_outside = (
        gray_outside[: photometric + 6] + struct.pack("<H", 12) + b"MONOCHROME2 " + color[photometric + 8 + length :]
    )
    color_outside = data_set(np.stack([ramp()] * 3, axis=-1))
    monkeypatch.setattr(dicom_pixels, "get_decoder", None)
    for file in (color, gray_outside, compressed(color_outside, lossless_jpeg(), uid.JPEGLossless)):
        with pytest.raises(UnsupportedScan, match="grayscale"):
            read_scan(file)
