"""JPEG 2000: its SIZ segment read, its tile-parts checked."""

import struct
from collections.abc import Iterator

from imip.errors import MalformedScan, UnsupportedScan
from imip.scan.codestream.header import MAX_SEGMENTS, Codestream

JPEG2000_SIGNATURE = b"\xff\x4f\xff\x51"  # SOC, SIZ: a bare codestream, as PS3.5 A.4.4 demands
MAX_TILES = 65_535  # ITU-T T.800 A.5.1
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
