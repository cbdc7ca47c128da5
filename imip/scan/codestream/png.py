"""PNG: its chunks checked, its header read."""

import struct
import zlib

from imip.errors import MalformedScan
from imip.scan.codestream.header import MAX_SEGMENTS, Codestream

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
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
