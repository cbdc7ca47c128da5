"""DICOM files: syntaxes, look-up tables and windows, frames, privacy, and data sets that lie."""

import io
import logging
import pickle
import random
import re
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from imip.errors import BurnedInAnnotation, FrameOutOfRange, MalformedScan, ScanError, ScanTooLarge, UnsupportedScan
from imip.scan.codestream.jpeg import bare_jpeg
from imip.scan.codestream.jpeg2000 import read_jpeg2000
from imip.scan.dicom import pixels as dicom_pixels
from imip.scan.dicom.rle import MAX_RUNS, decode_rle
from imip.scan.limits import Limits
from imip.scan.read import read_scan
from tests.support.scan_files import (
    DICOM_MR,
    compressed,
    data_set,
    dicom_bytes,
    mr_bytes,
    picture_bytes,
    ramp,
    wheel_file,
)

REPOSITORY = Path(__file__).parents[5]
SLICE = ramp().astype(np.uint16) * 16  # 12 bits of 16
SERIES = DICOM_MR / "transfer-syntaxes"
needs_series = pytest.mark.skipif(not SERIES.exists(), reason="the shared DICOM files are not here")


def window(center: float, width: float) -> dict[str, float]:
    return {"WindowCenter": center, "WindowWidth": width}


@needs_series
def test_nine_transfer_syntaxes_of_one_slice_agree() -> None:
    scans = [read_scan(path.read_bytes()) for path in sorted(SERIES.glob("*.dcm"))]
    assert len(scans) == 9
    assert all(np.array_equal(scan.pixels, scans[0].pixels) for scan in scans)
    assert all(scan.attributes == scans[0].attributes for scan in scans)
    assert scans[0].attributes["Modality"] == "MR"


@pytest.mark.parametrize("name", ["implicit", "bigendian", "expb", "RLE", "jp2klossless", "jpeg_ls_lossless", "padded"])
def test_lossless_variants_of_a_slice_are_identical(name: str) -> None:
    plain = read_scan(wheel_file("MR_small.dcm"))
    other = read_scan(wheel_file(f"MR_small_{name}.dcm"))
    assert np.array_equal(other.pixels, plain.pixels)
    assert other.attributes == plain.attributes


@pytest.mark.parametrize(
    "name",
    [
        "rgb_gdcm_KY",
        "rgb_dcmtk_+eb+cr",
        "rgb_jpeg_dcmtk",
        "rgb_jls_lossy_line",
        "rgb_jls_lossy_sample",
        "ybr_full_422_uncompressed",
        "rgb_rle_16bit",
        "rgb_rle_32bit",
    ],
)
def test_color_syntaxes_show_the_same_card(name: str) -> None:
    card = read_scan(wheel_file("SC_rgb_rle.dcm")).pixels.astype(int)
    scan = read_scan(wheel_file(f"SC_{name}.dcm"))
    assert scan.channels == 3
    assert np.percentile(np.abs(scan.pixels - card), 95) <= 4


def test_both_byte_orders_of_odd_color_pictures_agree() -> None:
    little, big = (read_scan(wheel_file(f"SC_rgb_small_odd{end}.dcm")) for end in ("", "_big_endian"))
    assert np.array_equal(little.pixels, big.pixels)


@pytest.mark.parametrize("name", ["MR_small", "CT_small", "693_J2KI", "J2K_pixelrep_mismatch", "examples_overlay"])
def test_display_follows_pydicoms_reading_of_the_standard(name: str) -> None:
    file = wheel_file(f"{name}.dcm")
    ds = pydicom.dcmread(io.BytesIO(file))
    values = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds, prefer_lut=True).astype(float)
    scan = read_scan(file)
    shown = np.ones(values.shape, bool)
    if "PixelPaddingValue" in ds:
        shown = ds.pixel_array != ds.PixelPaddingValue
        assert not scan.pixels[~shown].any()
    if "WindowWidth" in ds:
        bits, signed = ds.BitsStored, ds.PixelRepresentation
        ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1])
        low, high = apply_modality_lut(ends, ds)
        expected = (values - low) / (high - low) * 255
        assert np.abs(scan.pixels - expected)[shown].max() <= 2
    else:
        order = np.argsort(values[shown])
        assert (np.diff(scan.pixels[shown][order].astype(int)) >= 0).all()


def test_monochrome1_is_the_inverse_of_monochrome2() -> None:
    plain = read_scan(mr_bytes(ramp()))
    inverse = read_scan(mr_bytes(ramp(), PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(inverse.pixels, 255 - plain.pixels)


def test_eight_bit_pixels_without_a_window_are_shown_as_they_are() -> None:
    assert np.array_equal(read_scan(mr_bytes(ramp())).pixels, ramp())


@pytest.mark.parametrize(
    ("function", "dark", "middle", "bright"),
    [("LINEAR", 899, 1000, 1100), ("LINEAR_EXACT", 900, 1000, 1100), ("SIGMOID", 500, 1000, 1500)],
)
def test_windows_map_center_to_middle_gray(function: str, dark: int, middle: int, bright: int) -> None:
    pixels = np.array([[dark, middle, bright]], np.uint16)
    scan = read_scan(mr_bytes(pixels, VOILUTFunction=function, **window(1000, 200)))
    low, center, high = scan.pixels[0].tolist()
    assert (low, high) == (0 if function != "SIGMOID" else low, 255 if function != "SIGMOID" else high)
    assert low <= 1 and high >= 254 and abs(center - 128) <= 1


def test_rescale_comes_before_the_window() -> None:
    hounsfield = np.array([[0, 1024, 2048]], np.uint16)
    scan = read_scan(mr_bytes(hounsfield, RescaleSlope=1, RescaleIntercept=-1024, **window(0.5, 2049)))
    assert scan.pixels[0].tolist() == [0, 128, 255]


def test_deep_pixels_without_a_window_use_the_whole_range() -> None:
    scan = read_scan(mr_bytes(SLICE))
    assert (scan.pixels.min(), scan.pixels.max(), scan.bit_depth) == (0, 255, 16)


def test_negative_pixels_are_darker_than_positive_ones() -> None:
    scan = read_scan(mr_bytes(np.array([[-500, 0, 500]], np.int16)))
    assert scan.pixels[0].tolist() == [0, 128, 255]


def test_padding_is_dark_and_does_not_take_contrast() -> None:
    pixels = np.tile(np.arange(1000, 1100, dtype=np.uint16), (10, 1))
    pixels[:, 0] = 60_000
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        scan = read_scan(mr_bytes(pixels, PixelPaddingValue=60_000, PhotometricInterpretation=photometric))
        assert not scan.pixels[:, 0].any()
        assert np.ptp(scan.pixels[:, 1:]) == 255


def lut_item(first: int, entries: list[int], bits: int = 16) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "OW", np.array(entries, "<u2").tobytes())
    return item


def test_modality_and_voi_luts_are_looked_up_and_clamped() -> None:
    pixels = np.array([[0, 10, 11, 12, 400]], np.uint16)
    voi = read_scan(mr_bytes(pixels, VOILUTSequence=[lut_item(10, [0, 128, 255], bits=8)]))
    assert voi.pixels[0].tolist() == [0, 0, 128, 255, 255]
    modality = mr_bytes(pixels, ModalityLUTSequence=[lut_item(10, [300, 200, 100])], **window(200.5, 201))
    assert read_scan(modality).pixels[0].tolist() == [255, 255, 128, 0, 0]


def test_palette_colors_become_luma() -> None:
    ds = data_set(np.array([[0, 1, 2]], np.uint8), PhotometricInterpretation="PALETTE COLOR")
    for color, table in (("Red", [0, 65535, 0]), ("Green", [0, 65535, 65535]), ("Blue", [0, 65535, 0])):
        ds.add_new(f"{color}PaletteColorLookupTableDescriptor", "US", [3, 0, 16])
        ds.add_new(f"{color}PaletteColorLookupTableData", "OW", np.array(table, "<u2").tobytes())
    scan = read_scan(dicom_bytes(ds))
    assert scan.pixels[0].tolist() == [0, 255, 150]
    assert scan.channels == 3


def test_planar_configuration_does_not_matter() -> None:
    picture = np.stack([ramp(), ramp() // 2, 255 - ramp()], axis=-1)
    planar = data_set(picture, PlanarConfiguration=1)
    planar.PixelData = np.moveaxis(picture, -1, 0).tobytes()
    assert np.array_equal(read_scan(mr_bytes(picture)).pixels, read_scan(dicom_bytes(planar)).pixels)


def test_float_pixel_data_is_stretched() -> None:
    ds = data_set(ramp())
    del ds.PixelData
    ds.BitsAllocated = 32
    pixels = ramp().astype(np.float32) / 1e6
    pixels[0, 0] = np.nan
    ds.FloatPixelData = pixels.tobytes()
    scan = read_scan(dicom_bytes(ds))
    assert (scan.pixels[0, 0], scan.pixels[-1, -1], scan.bit_depth) == (0, 255, 32)


def test_the_middle_frame_is_taken_unless_another_is_asked_for() -> None:
    file = mr_bytes(np.arange(5, dtype=np.uint8)[:, None, None] * np.full((1, 4, 4), 10, np.uint8))
    scan = read_scan(file)
    assert (scan.frame, scan.frames, scan.pixels[0, 0]) == (2, 5, 20)
    assert [read_scan(file, frame=index).pixels[0, 0] for index in range(5)] == [0, 10, 20, 30, 40]
    for frame in (5, -1):
        with pytest.raises(FrameOutOfRange):
            read_scan(file, frame=frame)


def test_frames_have_their_own_windows() -> None:
    ds = data_set(np.full((3, 2, 2), 100, np.uint16))
    ds.PerFrameFunctionalGroupsSequence = []
    for center in (50, 100.5, 400):
        voi, group = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 21
        group.FrameVOILUTSequence = [voi]
        ds.PerFrameFunctionalGroupsSequence.append(group)
    file = dicom_bytes(ds)
    assert [read_scan(file, frame=frame).pixels[0, 0] for frame in range(3)] == [255, 128, 0]


@pytest.mark.skipif(not DICOM_MR.exists(), reason="the shared DICOM files are not here")
@pytest.mark.parametrize("name", ["6_1", "IM_0027_fMAP"])
def test_enhanced_mr_frames_match_pydicom(name: str) -> None:
    file = (DICOM_MR / "enhanced" / f"{name}.dcm").read_bytes()
    ds = pydicom.dcmread(io.BytesIO(file))
    scan = read_scan(file)
    assert (scan.frame, scan.frames) == (ds.NumberOfFrames // 2, ds.NumberOfFrames)
    stored = ds.pixel_array[scan.frame].astype(float)
    assert np.corrcoef(stored.ravel(), scan.pixels.ravel())[0, 1] > 0.95


def test_deflated_equals_plain_and_a_deflate_bomb_stops_early() -> None:
    assert np.array_equal(
        read_scan(dicom_bytes(data_set(SLICE), uid.DeflatedExplicitVRLittleEndian)).pixels,
        read_scan(mr_bytes(SLICE)).pixels,
    )
    file = dicom_bytes(data_set(SLICE), uid.DeflatedExplicitVRLittleEndian)
    meta_end = 132 + 12 + int.from_bytes(file[140:144], "little")
    bomb = file[:meta_end] + zlib.compress(bytes(100_000_000))[2:]
    tracemalloc.start()
    with pytest.raises(ScanTooLarge):
        read_scan(bomb, limits=Limits(inflated_bytes=1_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_data_set_without_preamble_is_read() -> None:
    file = wheel_file("MR_small.dcm")
    assert np.array_equal(read_scan(file[132:]).pixels, read_scan(file).pixels)
    for name in ("MR_small", "MR_small_implicit", "MR_small_bigendian"):
        body = wheel_file(f"{name}.dcm")
        start = 132 + 12 + int.from_bytes(body[140:144], "little")
        assert np.array_equal(read_scan(body[start:]).pixels, read_scan(file).pixels)


@pytest.mark.parametrize("name", ["test-SR", "rtplan", "waveform_ecg", "reportsi"])
def test_objects_without_an_image_are_unsupported(name: str) -> None:
    with pytest.raises(UnsupportedScan):
        read_scan(wheel_file(f"{name}.dcm"))


def test_unsupported_syntaxes_are_named_only_if_registered() -> None:
    with pytest.raises(UnsupportedScan, match="MPEG2"):
        read_scan(compressed(data_set(ramp()), b"\0\0\1\xb3", uid.MPEG2MPML))
    foreign = dicom_bytes(data_set(ramp())).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.7.7.7\0")
    with pytest.raises(UnsupportedScan, match="unknown") as raised:
        read_scan(foreign)
    assert "99999" not in str(raised.value)


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


@pytest.mark.parametrize("depth", [50, 200_000])
def test_deep_nesting_is_walked_without_recursion(depth: int) -> None:
    nested = b"\x09\x00\x01\x10SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    file = mr_bytes(SLICE)
    at = file.index(b"\x28\x00\x02\x00US")
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    if depth < 1000:
        scan = read_scan(file[:at] + nested * depth + closing * depth + file[at:])
        assert np.array_equal(scan.pixels, read_scan(file).pixels)
    with pytest.raises(ScanError):
        read_scan(file[:at] + nested * depth + file[at:])


def test_millions_of_elements_are_refused_soon() -> None:
    file = mr_bytes(SLICE)
    at = file.index(b"\x28\x00\x02\x00US")
    with pytest.raises(MalformedScan, match="too many"):
        read_scan(file[:at] + b"\x09\x00\x01\x10LO\0\0" * 2_000_000 + file[at:])


def test_rle_stops_at_the_size_of_the_plane() -> None:
    header = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56)
    runs = header + b"\x81\x07" * 5_000_000  # would expand to 640 MB
    assert decode_rle(runs, 2, 3, 1, 1).ravel().tolist() == [7] * 6
    with pytest.raises(MalformedScan):
        decode_rle(header + b"\x81\x07", 100, 100, 1, 1)


def rle_frame(segment: bytes, planes: int = 1) -> bytes:
    offsets = [64 + index * len(segment) for index in range(planes)] + [0] * (15 - planes)
    return struct.pack("<16I", planes, *offsets) + segment * planes


@pytest.mark.parametrize("side", [100, 4000])
def test_rle_of_nothing_is_refused_soon(side: int) -> None:
    frame = rle_frame(b"\x80" * 31_000_000)
    start = time.process_time()
    with pytest.raises(MalformedScan):
        decode_rle(frame, side, side, 1, 1)
    assert time.process_time() - start < 1


def test_rle_of_too_many_runs_is_refused() -> None:
    with pytest.raises(ScanTooLarge):
        decode_rle(rle_frame(b"\0\7" * (MAX_RUNS // 2 + 1), 2), 1, MAX_RUNS // 2 + 1, 1, 2)


def test_rle_may_do_nothing_here_and_there() -> None:
    assert decode_rle(rle_frame(b"\x80\x80\xff\5\x80\0\6"), 1, 3, 1, 1).ravel().tolist() == [5, 5, 6]


def lying(pixels: np.ndarray, **attributes: object) -> Dataset:
    """A data set whose attributes promise more than its few pixels."""
    ds = data_set(pixels, **attributes)
    del ds.PixelData
    return ds


def test_the_decoded_bytes_are_bounded_before_decoding() -> None:
    deep = lying(ramp(), Rows=3900, Columns=8192, BitsAllocated=32, BitsStored=32, HighBit=31)
    deep.SamplesPerPixel, deep.PhotometricInterpretation, deep.PlanarConfiguration = 3, "RGB", 0
    double = lying(ramp(), Rows=3900, Columns=8192, BitsAllocated=64)
    double.DoubleFloatPixelData = bytes(3900 * 8192 * 8)
    double.Rows = 3900
    files = [
        compressed(deep, rle_frame(b"\x81\7" * 250_000, 12), uid.RLELossless),
        dicom_bytes(double, uid.DeflatedExplicitVRLittleEndian),
    ]
    del double
    for file in files:
        with pytest.raises(ScanTooLarge, match="when decoded"):
            read_scan(file)
    read_scan(mr_bytes(SLICE), limits=Limits(decoded_bytes=SLICE.nbytes))
    with pytest.raises(ScanTooLarge, match="when decoded"):
        read_scan(mr_bytes(SLICE), limits=Limits(decoded_bytes=SLICE.nbytes - 1))


def lossless_jpeg(*metadata: bytes, picture: np.ndarray = SLICE // 16, depth: int = 8) -> bytes:
    """A gray slice as lossless JPEG (first-order prediction), with marker segments before its frame header."""
    with_header = [b"\xff\xd8", *metadata]
    height, width = picture.shape
    with_header.append(b"\xff\xc3" + struct.pack(">HBHHB3B", 11, depth, height, width, 1, 1, 0x11, 0))
    # Seventeen codes of five bits: the number of bits of a difference, 0 to 16.
    with_header.append(b"\xff\xc4" + struct.pack(">HB", 36, 0) + bytes([*[0] * 4, 17, *[0] * 11]) + bytes(range(17)))
    with_header.append(b"\xff\xda" + struct.pack(">HB2B3B", 8, 1, 1, 0, 1, 0, 0))
    bits = ""
    pixels = picture.astype(int)
    for row in range(height):
        for column in range(width):
            left = pixels[row, column - 1] if column else pixels[row - 1, 0] if row else 2 ** (depth - 1)
            step = int(pixels[row, column] - left)
            size = abs(step).bit_length()
            bits += f"{size:05b}" + (f"{step if step > 0 else step + 2**size - 1:0{size}b}" if size else "")
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return b"".join([*with_header, scan, b"\xff\xd9"])


ADOBE = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\7"
COMMENT = b"\xff\xfe\0\6JANE"
GARBAGE = b"\1\2\xff\1\xff"


def test_gray_lossless_jpeg_reaches_its_decoder_without_metadata() -> None:
    bare = lossless_jpeg()
    assert bare_jpeg(lossless_jpeg(ADOBE, COMMENT, GARBAGE)) == bare == bare_jpeg(bare)
    for codestream in (bare, lossless_jpeg(ADOBE, COMMENT, GARBAGE)):
        for syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1):
            assert np.array_equal(read_scan(compressed(data_set(ramp()), codestream, syntax)).pixels, ramp())


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


HOSTILE = {
    "jpeg lossless": compressed(data_set(ramp()), lossless_jpeg(ADOBE, COMMENT), uid.JPEGLosslessSV1),
    "jpeg lossless color": wheel_file("SC_rgb_jpeg_gdcm.dcm"),
    "jpeg-ls": wheel_file("MR_small_jpeg_ls_lossless.dcm"),
    "jpeg-ls color": wheel_file("SC_rgb_jls_lossy_line.dcm"),
}


READ_ALL = """
import contextlib, pickle, sys
from imip.errors import ScanError
from imip.scan.read import read_scan
for file in pickle.load(sys.stdin.buffer):
    with contextlib.suppress(ScanError):
        read_scan(file)
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_no_byte_of_a_codestreams_header_ends_the_process(name: str) -> None:
    """In a child process, as what escapes GDCM is a C++ exception, which aborts."""
    chance = random.Random(name)
    start = HOSTILE[name].rindex(b"\xff\xd8\xff")
    files = []
    for _ in range(150):
        file = bytearray(HOSTILE[name])
        for _ in range(chance.choice((1, 1, 2, 3))):
            file[chance.randrange(start, min(start + 120, len(file)))] = chance.randrange(256)
        files.append(bytes(file))
    if name == "jpeg lossless color":  # the byte that ended it: Adobe's transform code
        adobe = HOSTILE[name].index(b"Adobe", start)
        files += [HOSTILE[name][: adobe + 11] + bytes([code]) + HOSTILE[name][adobe + 12 :] for code in range(8)]
    child = subprocess.run(
        [sys.executable, "-c", READ_ALL], input=pickle.dumps(files), cwd=REPOSITORY, capture_output=True
    )
    assert child.returncode == 0, child.stderr[-2000:]


@pytest.mark.parametrize(
    ("attributes", "warning"),
    [
        ({"BurnedInAnnotation": "YES"}, "burned_in_annotation"),
        ({"Modality": "US"}, "burned_in_annotation_possible"),
        ({"Modality": "XA"}, "burned_in_annotation_possible"),
        ({"SOPClassUID": uid.SecondaryCaptureImageStorage}, "burned_in_annotation_possible"),
        ({"SOPClassUID": uid.MultiFrameTrueColorSecondaryCaptureImageStorage}, "burned_in_annotation_possible"),
        ({"ConversionType": "DF"}, "burned_in_annotation_possible"),
    ],
)
def test_writing_in_the_pixels_is_warned_about_or_refused(attributes: dict[str, str], warning: str) -> None:
    file = mr_bytes(ramp(), **attributes)
    assert read_scan(file).warnings == (warning,)
    with pytest.raises(BurnedInAnnotation):
        read_scan(file, burned_in="refuse")


@pytest.mark.parametrize("attributes", [{}, {"Modality": "US", "BurnedInAnnotation": "NO"}, {"Modality": "CT"}])
def test_scans_free_of_writing_pass(attributes: dict[str, str]) -> None:
    assert read_scan(mr_bytes(ramp(), **attributes), burned_in="refuse").warnings == ()


def test_technical_attributes_come_from_closed_sets() -> None:
    scan = read_scan(
        mr_bytes(
            ramp(),
            Manufacturer="SIEMENS Healthineers",
            MagneticFieldStrength="3.0000",
            PixelSpacing=[0.5, 0.5],
            SliceThickness="5.0",
            EchoTime="12345678",
            ScanningSequence=["GR", "IR"],
            BodyPartExamined="BRAIN",
            MRAcquisitionType="4D",
        )
    )
    assert scan.attributes == {
        "Modality": "MR",
        "SOPClass": "MR Image Storage",
        "PhotometricInterpretation": "MONOCHROME2",
        "Manufacturer": "Siemens",
        "MagneticFieldStrength": "3",
        "PixelSpacing": "0.5\\0.5",
        "SliceThickness": "5",
        "ScanningSequence": "GR\\IR",
        "BodyPartExamined": "BRAIN",
    }


CANARY = "CANARY^JANE"


def canary_file() -> Dataset:
    """A sound image whose every text element is a patient's name."""
    ds = data_set(ramp())
    for element in ds:
        if element.VR in ("UI", "CS") and element.keyword not in ("PhotometricInterpretation",):
            element.value = CANARY
    texts = "PatientName PatientID ImageComments Manufacturer SeriesDescription StudyInstanceUID SpecificCharacterSet "
    texts += "BodyPartExamined ScanningSequence MRAcquisitionType VOILUTFunction BurnedInAnnotation ConversionType"
    for keyword in texts.split():
        setattr(ds, keyword, CANARY)
    for keyword in ("EchoTime", "RepetitionTime", "MagneticFieldStrength", "SliceThickness", "PixelSpacing"):
        ds.add_new(keyword, "LO", CANARY)
    block = ds.private_block(0x0009, CANARY, create=True)
    block.add_new(1, "LO", CANARY)
    return ds


def test_a_patient_name_in_every_text_leaves_nowhere(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    sound = dicom_bytes(canary_file())
    files = [sound, sound[:-5], sound.replace(b"1.2.840.10008.1.2.1\0", CANARY.ljust(20).encode())]
    for keyword in ("RescaleSlope", "WindowCenter", "NumberOfFrames", "PhotometricInterpretation", "HighBit"):
        broken = canary_file()
        broken.add_new(keyword, "LO", CANARY)
        files.append(dicom_bytes(broken))
    recwarn.clear()
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    for file in files:
        try:
            scan = read_scan(file)
        except ScanError as error:
            said = f"{error!r} {error.__cause__!r}"
        else:
            said = f"{scan.attributes} {scan.warnings}"
        assert "CANARY" not in said and "JANE" not in said
    assert "CANARY" not in caplog.text
    assert not any("CANARY" in str(warning.message) for warning in recwarn)
    (tmp_path / "scan.dcm").write_bytes(sound)
    code = "import sys; from imip.scan.read import read_scan; print(read_scan(open(sys.argv[1], 'rb').read()))"
    run = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, str(tmp_path / "scan.dcm")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[5],
    )
    assert "CANARY" not in run.stdout + run.stderr
