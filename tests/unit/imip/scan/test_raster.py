"""PNG and JPEG of every kind become the grey slice that they show."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from imip.errors import MalformedScan, ScanTooLarge, UnsupportedScan
from imip.scan.limits import Limits
from imip.scan.read import read_scan
from tests.support.scan_files import picture_bytes, png_bytes, png_chunk, ramp

GRAY = ramp()
RGB = np.stack([GRAY, GRAY // 2, 255 - GRAY], axis=-1)
LUMA = np.rint(RGB @ [0.299, 0.587, 0.114])


def png(picture: Image.Image, **options: object) -> bytes:
    return picture_bytes(picture, "PNG", **options)


def jpeg(picture: Image.Image, **options: object) -> bytes:
    return picture_bytes(picture, "JPEG", **({"quality": 95} | options))


def difference(pixels: np.ndarray, expected: np.ndarray) -> float:
    assert pixels.dtype == np.uint8 and pixels.shape == expected.shape
    return float(np.abs(pixels.astype(float) - expected).max())


def test_gray_png_is_kept_pixel_for_pixel() -> None:
    scan = read_scan(png(Image.fromarray(GRAY)))
    assert np.array_equal(scan.pixels, GRAY)
    assert (scan.format, scan.bit_depth, scan.channels, scan.frame, scan.frames) == ("png", 8, 1, 0, 1)
    assert (scan.attributes, scan.warnings) == ({}, ())


def test_color_becomes_luma() -> None:
    scan = read_scan(png(Image.fromarray(RGB)))
    assert difference(scan.pixels, LUMA) <= 1
    assert scan.channels == 3


def test_palette_counts_as_color() -> None:
    indexed = Image.fromarray(RGB).quantize(64)
    scan = read_scan(png(indexed))
    assert difference(scan.pixels, np.asarray(indexed.convert("L"))) <= 1
    assert (scan.channels, scan.bit_depth) == (3, 8)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_shallow_gray_fills_the_display_range(bits: int) -> None:
    rows = (b"\0" + b"\x1b") * 3
    scan = read_scan(png_bytes(8 // bits, 3, bits, 0, rows))
    codes = [(0x1B >> shift) & (2**bits - 1) for shift in range(8 - bits, -1, -bits)]
    assert scan.pixels[0].tolist() == [code * 255 // (2**bits - 1) for code in codes]
    assert scan.bit_depth == bits


def test_opaque_alpha_changes_nothing_and_transparency_lies_on_black() -> None:
    opaque = Image.fromarray(np.dstack([RGB, np.full_like(GRAY, 255)]))
    assert np.array_equal(read_scan(png(opaque)).pixels, read_scan(png(Image.fromarray(RGB))).pixels)
    half = Image.fromarray(np.dstack([RGB, np.full_like(GRAY, 128)]))
    assert difference(read_scan(png(half)).pixels, LUMA * 128 / 255) <= 1.5
    gray = Image.merge("LA", [Image.fromarray(GRAY), Image.fromarray(np.zeros_like(GRAY))])
    assert not read_scan(png(gray)).pixels.any()


def test_transparent_colors_of_trns_become_black() -> None:
    gray = read_scan(png(Image.fromarray(np.full((4, 4), 77, np.uint8)), transparency=77))
    assert not gray.pixels.any()
    white = np.full((4, 4, 3), 255, np.uint8)
    assert not read_scan(png(Image.fromarray(white), transparency=(255, 255, 255))).pixels.any()
    shallow = png_bytes(8, 1, 1, 0, b"\0\x0f", png_chunk(b"tRNS", b"\0\1"))
    assert not read_scan(shallow).pixels.any()


def test_sixteen_bits_keep_their_contrast_when_only_twelve_are_used() -> None:
    deep = (np.arange(64 * 64).reshape(64, 64)).astype(np.uint16)  # 0..4095 of 65535
    scan = read_scan(png(Image.fromarray(deep)))
    assert scan.pixels.min() == 0 and scan.pixels.max() == 255
    assert (np.diff(scan.pixels.ravel().astype(int)) >= 0).all()
    assert scan.bit_depth == 16
    assert not read_scan(png(Image.fromarray(np.full((4, 4), 999, np.uint16)))).pixels.any()


def test_interlaced_png_equals_plain() -> None:
    adam7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in adam7 for row in GRAY[y::dy, x::dx])
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 16, 8, 0, 0, 0, 1))
    data = png_chunk(b"IDAT", zlib.compress(rows))
    file = b"\x89PNG\r\n\x1a\n" + header + data + png_chunk(b"IEND", b"")
    assert np.array_equal(read_scan(file).pixels, GRAY)


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    assert np.array_equal(read_scan(png(frames[0], save_all=True, append_images=frames[1:])).pixels, GRAY)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_matches_its_source(progressive: bool) -> None:
    assert difference(read_scan(jpeg(Image.fromarray(GRAY), progressive=progressive)).pixels, GRAY) <= 6
    color = read_scan(jpeg(Image.fromarray(RGB), progressive=progressive, subsampling=0))
    assert difference(color.pixels, LUMA) <= 8
    assert (color.format, color.channels, color.bit_depth) == ("jpeg", 3, 8)


def test_cmyk_jpeg_matches_pillow() -> None:
    file = jpeg(Image.fromarray(RGB).convert("CMYK"))  # Pillow writes it inverted, with Adobe's marker
    expected = np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) @ [0.299, 0.587, 0.114]
    scan = read_scan(file)
    assert difference(scan.pixels, expected) <= 3
    assert scan.channels == 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_gives_the_same_upright_picture(orientation: int) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = Image.fromarray(GRAY)
    if orientation in turns:
        stored = stored.transpose(turns[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert difference(read_scan(jpeg(stored, exif=exif)).pixels, GRAY) <= 8


@pytest.mark.parametrize(
    ("mode", "transparency", "pixel_bytes"),
    [
        ("L", None, 1),
        ("L", 77, 1),
        ("I;16", None, 2),
        ("LA", None, 4),
        ("RGB", None, 3),
        ("RGB", (1, 2, 3), 4),
        ("RGBA", None, 4),
        ("P", None, 3),
        ("P", 7, 4),
    ],
)
def test_what_a_png_becomes_in_memory_is_bounded(mode: str, transparency: object, pixel_bytes: int) -> None:
    options = {} if transparency is None else {"transparency": transparency}
    picture = Image.fromarray(GRAY.astype(np.uint16)) if mode == "I;16" else Image.fromarray(RGB).convert(mode)
    file = png(picture, **options)
    decoded = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded.nbytes == GRAY.size * pixel_bytes
    read_scan(file, limits=Limits(decoded_bytes=decoded.nbytes))
    with pytest.raises(ScanTooLarge, match="when decoded"):
        read_scan(file, limits=Limits(decoded_bytes=decoded.nbytes - 1))


def test_deep_color_png_is_refused_on_its_header() -> None:
    with pytest.raises(ScanTooLarge, match="when decoded"):
        read_scan(png_bytes(8000, 4000, 16, 6, b""))
    color = jpeg(Image.fromarray(RGB))
    read_scan(color, limits=Limits(decoded_bytes=RGB.nbytes))
    with pytest.raises(ScanTooLarge, match="when decoded"):
        read_scan(color, limits=Limits(decoded_bytes=RGB.nbytes - 1))


def test_opencv_is_silent_once_pictures_are_read() -> None:
    assert cv2.getLogLevel() == 0


def test_twelve_bit_jpeg_is_unsupported() -> None:
    file = bytearray(jpeg(Image.fromarray(GRAY)))
    file[file.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedScan):
        read_scan(bytes(file))


def test_wrong_checksums_are_malformed() -> None:
    file = bytearray(png(Image.fromarray(GRAY)))
    file[-20] ^= 1
    with pytest.raises(MalformedScan):
        read_scan(bytes(file))
