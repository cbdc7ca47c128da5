"""PNG and JPEG files, and what holds for every format: limits, hostile bytes, bounded cost."""

import io
import random
import re
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from imip.errors import FrameOutOfRange, MalformedScan, ScanError, ScanTooLarge, UnsupportedFormat, UnsupportedScan
from imip.scan.limits import Limits
from imip.scan.read import read_scan, sniff
from tests.support.scan_files import DICOM_MR, mr_bytes, picture_bytes, png_bytes, png_chunk, ramp, wheel_file

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


def test_formats_are_told_by_the_bytes() -> None:
    assert sniff(png(Image.fromarray(GRAY))) == "png"
    assert sniff(jpeg(Image.fromarray(GRAY))) == "jpeg"
    assert sniff(mr_bytes(GRAY)) == "dicom"
    for other in (b"", b"GIF89a" + bytes(200), b"\x00" * 200, b"%PDF-1.7", b"\x08\x00"):
        with pytest.raises(UnsupportedFormat):
            sniff(other)


def test_gray_png_is_kept_pixel_for_pixel() -> None:
    scan = read_scan(png(Image.fromarray(GRAY)))
    assert np.array_equal(scan.pixels, GRAY)
    assert (scan.format, scan.bit_depth, scan.channels, scan.frame, scan.frames) == ("png", 8, 1, 0, 1)
    assert (scan.attributes, scan.warnings) == ({}, ())


def test_a_memoryview_is_as_good_as_bytes() -> None:
    assert np.array_equal(read_scan(memoryview(png(Image.fromarray(GRAY)))).pixels, GRAY)


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
    assert difference(read_scan(JPEGS[name]).pixels, expected) <= 1


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


def test_only_frame_zero_exists_in_a_picture() -> None:
    file = png(Image.fromarray(GRAY))
    assert read_scan(file, frame=0).frame == 0
    for frame in (1, -1):
        with pytest.raises(FrameOutOfRange):
            read_scan(file, frame=frame)


def test_limits_are_found_on_the_header() -> None:
    with pytest.raises(ScanTooLarge):
        read_scan(png(Image.fromarray(GRAY)), limits=Limits(body_bytes=10))
    for file in (png(Image.fromarray(GRAY)), jpeg(Image.fromarray(GRAY)), mr_bytes(GRAY)):
        for limits in (Limits(side=19), Limits(pixels=319)):
            with pytest.raises(ScanTooLarge):
                read_scan(file, limits=limits)
        read_scan(file, limits=Limits(side=20, pixels=320))


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


def jpeg_of_size(width: int, height: int) -> bytes:
    file = bytearray(jpeg(Image.fromarray(GRAY)))
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
    "jpeg passes": jpeg(Image.fromarray(GRAY))[:-2] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 1000 + b"\xff\xd9",
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


SAMPLES = {
    "png": png(Image.fromarray(RGB)),
    "jpeg": jpeg(Image.fromarray(RGB)),
    "progressive jpeg": jpeg(Image.fromarray(RGB), progressive=True),
    "native": wheel_file("MR_small.dcm"),
    "implicit": wheel_file("MR_small_implicit.dcm"),
    "big endian": wheel_file("MR_small_bigendian.dcm"),
    "deflated": wheel_file("image_dfl.dcm"),
    "rle": wheel_file("MR_small_RLE.dcm"),
    "jpeg dicom": wheel_file("SC_rgb_jpeg_dcmtk.dcm"),
    "jpeg-ls": wheel_file("MR_small_jpeg_ls_lossless.dcm"),
    "jpeg-ls color": wheel_file("SC_rgb_jls_lossy_line.dcm"),
    "jpeg 2000": wheel_file("MR_small_jp2klossless.dcm"),
}
if (enhanced := DICOM_MR / "enhanced" / "6_1.dcm").exists():
    SAMPLES["enhanced"] = enhanced.read_bytes()


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


def test_wrong_checksums_are_malformed() -> None:
    file = bytearray(png(Image.fromarray(GRAY)))
    file[-20] ^= 1
    with pytest.raises(MalformedScan):
        read_scan(bytes(file))
