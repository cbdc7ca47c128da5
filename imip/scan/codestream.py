"""What compressed pictures say about themselves: size, samples and depth out of PNG, JPEG and JPEG 2000 headers.

Read by us before any decoder sees the bytes, since native decoders allocate what a header asks for and fill
what a truncated file lacks. Nothing is decompressed here.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from imip.errors import MalformedScan, UnsupportedScan

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
JPEG2000_SIGNATURE = b"\xff\x4f\xff\x51"  # SOC, SIZ: a bare codestream, as PS3.5 A.4.4 demands

MAX_SEGMENTS = 20_000  # chunks or marker segments: thousands are plausible, millions only waste time
MAX_SCANS = 64  # passes of a progressive JPEG; each one costs a sweep over the whole picture
MAX_TILES = 65_535  # ITU-T T.800 A.5.1


@dataclass(frozen=True, slots=True)
class Codestream:
    """What one compressed picture declares. `coding`: PNG colour type, JPEG SOF marker, or 0 for JPEG 2000."""

    width: int
    height: int
    components: int
    bits: int
    coding: int


PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples per pixel
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def read_png(data: bytes) -> tuple[Codestream, dict[bytes, bytes], bytes]:
    """Check the chunks of a PNG; returns its header, the bodies of its small chunks, and a PNG of nothing else.

    Text, EXIF, colour profiles and animation are dropped unread (zTXt and iCCP can be bombs); checksums are
    verified. Raises MalformedScan.
    """
    small: dict[bytes, bytes] = {}
    kept = [PNG_SIGNATURE]
    position = len(PNG_SIGNATURE)
    for _ in range(MAX_SEGMENTS):
        if len(data) < position + 12:
            raise MalformedScan("The PNG ends before its last chunk.")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise MalformedScan("The PNG is truncated.")
        if kind in _PNG_KEPT:
            if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
                raise MalformedScan("A checksum of the PNG does not match.")
            kept.append(data[position:end])
            if kind != b"IDAT":
                if kind in small:
                    raise MalformedScan("The PNG repeats a chunk that must be unique.")
                small[kind] = data[position + 8 : end - 4]
        if kind == b"IEND":
            return _png_header(small), small, b"".join(kept)
        position = end
    raise MalformedScan("The PNG has too many chunks.")


def _png_header(small: dict[bytes, bytes]) -> Codestream:
    header = small.get(b"IHDR", b"")
    if len(header) != 13:
        raise MalformedScan("The PNG has no valid header.")
    width, height, bits, colour = struct.unpack_from(">IIBB", header)
    if not width or not height or colour not in PNG_SAMPLES or bits not in (1, 2, 4, 8, 16):
        raise MalformedScan("The PNG header is invalid.")
    return Codestream(width, height, PNG_SAMPLES[colour], bits, colour)


SOF_HUFFMAN = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
SOF_LOSSLESS = frozenset({0xC3})
SOF_JPEG_LS = frozenset({0xF7})
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | SOF_JPEG_LS
_SOI, _EOI, _SOS, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_PROGRESSIVE = 0xC2
_COEFFICIENTS = range(64)  # of a block
# In entropy-coded data JPEG follows 0xFF by 0x00 or a restart marker, JPEG-LS by a byte below 0x80.
_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})  # APP0 to APP15, COM
_ORIENTATION = 0x0112  # TIFF tag


class _Segment(NamedTuple):
    marker: int
    start: int  # of the marker
    end: int


def _segments(data: bytes) -> Iterator[_Segment]:
    """The marker segments of a JPEG or JPEG-LS codestream up to its end marker. Raises MalformedScan."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        match = _MARKER.search(data, position)
        if match is None:
            raise MalformedScan("The JPEG is truncated.")
        marker, position = match[1][0], match.end()
        if marker == _EOI:
            yield _Segment(marker, match.start(), position)
            return
        length = int.from_bytes(data[position : position + 2], "big")
        if marker == _SOI or length < 2 or position + length > len(data):
            raise MalformedScan("The segments of the JPEG are inconsistent.")
        position += length
        yield _Segment(marker, match.start(), position)
    raise MalformedScan("The JPEG has too many segments.")


def read_jpeg(data: bytes, codings: frozenset[int]) -> Codestream:
    """The frame header of a JPEG or JPEG-LS codestream that has an end marker and all passes before it.

    `codings`: the SOF markers accepted. Raises MalformedScan, UnsupportedScan.
    """
    if not data.startswith(JPEG_SIGNATURE):
        raise MalformedScan("The picture does not start as a JPEG does.")
    headers = [
        (marker, data[start + 4 : end]) for marker, start, end in _segments(data) if marker in _SOF or marker == _SOS
    ]
    frames = [(marker, body) for marker, body in headers if marker in _SOF]
    scans = [body for marker, body in headers if marker == _SOS]
    if len(frames) != 1 or not scans:
        raise MalformedScan("The segments of the JPEG are inconsistent.")
    if len(scans) > MAX_SCANS:
        raise MalformedScan("The JPEG has too many passes.")
    coding, frame = frames[0]
    header = _jpeg_header(coding, frame)
    if coding not in codings:
        raise UnsupportedScan("This coding process of JPEG is not supported here.")
    wanted = {(component, index) for component in frame[6 : 6 + 3 * header.components : 3] for index in _COEFFICIENTS}
    if wanted.difference(*(_completed(scan, coding) for scan in scans)):
        raise MalformedScan("The JPEG ends before its last pass.")
    return header


def _jpeg_header(marker: int, body: bytes) -> Codestream:
    if len(body) < 6:
        raise MalformedScan("The JPEG frame header is too short.")
    bits, height, width, components = struct.unpack_from(">BHHB", body)
    if not height or not width or not components or len(body) < 6 + 3 * components:
        raise MalformedScan("The JPEG frame header is invalid.")
    return Codestream(width, height, components, bits, marker)


def _completed(body: bytes, coding: int) -> set[tuple[int, int]]:
    """The (component, coefficient) pairs that a scan brings to full precision, by its header (ITU-T T.81 B.2.3)."""
    count = body[0] if body else 0
    if not 1 <= count <= 4 or len(body) < 4 + 2 * count:
        raise MalformedScan("A scan header of the JPEG is invalid.")
    first, last, approximation = body[1 + 2 * count : 4 + 2 * count]
    brought = range(first, last + 1)
    if coding != _PROGRESSIVE:  # one pass brings all of a component
        brought = _COEFFICIENTS
    elif approximation & 0x0F:  # the lower bits are left to later passes
        brought = range(0)
    return {(component, index) for component in body[1 : 1 + 2 * count : 2] for index in brought}


def exif_orientation(data: bytes) -> int:
    """How a JPEG that `read_jpeg` accepts is turned: 1 to 8, and 1 where it does not say."""
    for marker, start, end in _segments(data):
        if marker == _SOS:
            break
        if marker == _APP1 and data.startswith(b"Exif\0\0", start + 4):
            return _tiff_orientation(data[start + 10 : end])
    return 1


def _tiff_orientation(tiff: bytes) -> int:
    """The tag Orientation of the first directory; 1 where it is missing or damaged."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4], "")
    if not order:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:  # an offset or a count passes the end
        pass
    return 1


def bare_jpeg(data: bytes) -> bytes:
    """A JPEG that `read_jpeg` accepts, with nothing around its scans but the segments that decode them.

    APPn, COM and bytes between segments go: for any that its JPEG library warns of, GDCM throws (see
    `JPEGBITSCodec::DecodeByStreams`), past Python. Raises MalformedScan.
    """
    kept = [data[:2]]
    scans = 0
    for marker, start, end in _segments(data):
        if marker == _EOI and scans:
            return b"".join([*kept, data[scans:end]])
        if marker == _SOS:
            scans = scans or start
        if not scans and marker not in _METADATA:
            kept.append(data[start:end])
    raise MalformedScan("The JPEG has no picture.")


def with_eight_bits(bare: bytes) -> bytes:
    """The JPEG of `bare_jpeg` with a frame header that says 8 bits per sample. Raises MalformedScan."""
    for marker, start, _ in _segments(bare):
        if marker in _SOF:
            return bare[: start + 4] + b"\x08" + bare[start + 5 :]
    raise MalformedScan("The JPEG has no picture.")


def without_last_byte(bare: bytes) -> bytes:
    """The JPEG of `bare_jpeg` with one byte less of entropy-coded data."""
    return bare[:-2].rstrip(b"\xff")[:-1] + bare[-2:]  # 0xFF before a marker is fill


_SOT, _EOC = b"\xff\x90", b"\xff\xd9"  # start of a tile-part, end of the codestream


def read_jpeg2000(data: bytes) -> Codestream:
    """The SIZ segment of a bare JPEG 2000 codestream (ITU-T T.800 A.5.1) that has all its tile-parts and an end marker.

    Raises MalformedScan, UnsupportedScan.
    """
    if not data.startswith(JPEG2000_SIGNATURE) or len(data) < 42:
        raise MalformedScan("The picture does not start as a JPEG 2000 codestream does.")
    if not data.rstrip(b"\0\xff").endswith(_EOC):
        raise MalformedScan("The JPEG 2000 codestream is truncated.")
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top = struct.unpack_from(">8I", data, 8)
    components = int.from_bytes(data[40:42], "big")
    parts = data[42 : 42 + 3 * components]
    if not components or len(parts) != 3 * components or right <= left or bottom <= top:
        raise MalformedScan("The JPEG 2000 header is invalid.")
    if not tile_width or not tile_height or tile_left > left or tile_top > top:
        raise MalformedScan("The JPEG 2000 tiles are invalid.")
    tiles = -((tile_left - right) // tile_width) * -((tile_top - bottom) // tile_height)
    if tiles > MAX_TILES:
        raise MalformedScan("The JPEG 2000 codestream has too many tiles.")
    if set(parts[1::3]) | set(parts[2::3]) != {1} or len(set(parts[0::3])) != 1:
        raise UnsupportedScan("JPEG 2000 with components of unequal size or depth is not supported.")
    _check_tile_parts(data, tiles)
    bits = (parts[0] & 0x7F) + 1
    return Codestream(right - left, bottom - top, components, bits, coding=0)


def _check_tile_parts(data: bytes, tiles: int) -> None:
    """Raises MalformedScan where a tile has fewer tile-parts than it announces, or none."""
    announced, found = [1] * tiles, [0] * tiles
    for tile, parts in _tile_parts(data):
        if tile >= tiles:
            raise MalformedScan("The JPEG 2000 codestream has a tile that its header does not know.")
        found[tile] += 1
        announced[tile] = max(announced[tile], parts)
    if any(have < want for have, want in zip(found, announced, strict=True)):
        raise MalformedScan("The JPEG 2000 codestream lacks a tile or a part of one.")


def _tile_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Each tile-part's tile, and how many parts it says the tile has, 0 if unknown (ITU-T T.800 A.4.2).

    Raises MalformedScan where their lengths do not lead to the end marker.
    """
    position, end = 2, data.rindex(_EOC)
    for _ in range(MAX_SEGMENTS + MAX_TILES):
        if position == end:
            return
        if position > end - 12:
            break
        marker, length = struct.unpack_from(">2sH", data, position)
        length += 2
        if marker == _SOT:
            tile, part_length, _, parts = struct.unpack_from(">HIBB", data, position + 4)
            length = part_length or end - position  # 0: up to the end
            yield tile, parts
        position += length
    raise MalformedScan("The JPEG 2000 codestream is truncated.")
