"""JPEG and JPEG-LS: their marker segments checked, their frame header read."""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from imip.errors import MalformedScan, UnsupportedScan
from imip.scan.codestream.header import MAX_SEGMENTS, Codestream

JPEG_SIGNATURE = b"\xff\xd8\xff"
MAX_SCANS = 64  # passes of a progressive JPEG; each one costs a sweep over the whole picture
SOF_HUFFMAN = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
SOF_LOSSLESS = frozenset({0xC3})
SOF_JPEG_LS = frozenset({0xF7})
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | SOF_JPEG_LS
_SOI, _EOI, SOS = 0xD8, 0xD9, 0xDA
_PROGRESSIVE = 0xC2
_COEFFICIENTS = range(64)  # of a block
# In entropy-coded data JPEG follows 0xFF by 0x00 or a restart marker, JPEG-LS by a byte below 0x80.
_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})  # APP0 to APP15, COM


class Segment(NamedTuple):
    marker: int
    start: int  # of the marker
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """The marker segments of a JPEG or JPEG-LS codestream up to its end marker. Raises MalformedScan."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        match = _MARKER.search(data, position)
        if match is None:
            raise MalformedScan("The JPEG is truncated.")
        marker, position = match[1][0], match.end()
        if marker == _EOI:
            yield Segment(marker, match.start(), position)
            return
        length = int.from_bytes(data[position : position + 2], "big")
        if marker == _SOI or length < 2 or position + length > len(data):
            raise MalformedScan("The segments of the JPEG are inconsistent.")
        position += length
        yield Segment(marker, match.start(), position)
    raise MalformedScan("The JPEG has too many segments.")


def read_jpeg(data: bytes, codings: frozenset[int]) -> Codestream:
    """The frame header of a JPEG or JPEG-LS codestream that has an end marker and all passes before it.

    `codings`: the SOF markers accepted. Raises MalformedScan, UnsupportedScan.
    """
    if not data.startswith(JPEG_SIGNATURE):
        raise MalformedScan("The picture does not start as a JPEG does.")
    headers = [
        (marker, data[start + 4 : end]) for marker, start, end in segments(data) if marker in _SOF or marker == SOS
    ]
    frames = [(marker, body) for marker, body in headers if marker in _SOF]
    scans = [body for marker, body in headers if marker == SOS]
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


def bare_jpeg(data: bytes) -> bytes:
    """A JPEG that `read_jpeg` accepts, with nothing around its scans but the segments that decode them.

    APPn, COM and bytes between segments go: for any that its JPEG library warns of, GDCM throws (see
    `JPEGBITSCodec::DecodeByStreams`), past Python. Raises MalformedScan.
    """
    kept = [data[:2]]
    scans = 0
    for marker, start, end in segments(data):
        if marker == _EOI and scans:
            return b"".join([*kept, data[scans:end]])
        if marker == SOS:
            scans = scans or start
        if not scans and marker not in _METADATA:
            kept.append(data[start:end])
    raise MalformedScan("The JPEG has no picture.")


def with_eight_bits(bare: bytes) -> bytes:
    """The JPEG of `bare_jpeg` with a frame header that says 8 bits per sample. Raises MalformedScan."""
    for marker, start, _ in segments(bare):
        if marker in _SOF:
            return bare[: start + 4] + b"\x08" + bare[start + 5 :]
    raise MalformedScan("The JPEG has no picture.")


def without_last_byte(bare: bytes) -> bytes:
    """The JPEG of `bare_jpeg` with one byte less of entropy-coded data."""
    return bare[:-2].rstrip(b"\xff")[:-1] + bare[-2:]  # 0xFF before a marker is fill
