"""Compressed frames by hand: run-length encoding and lossless JPEG, which no encoder at hand writes."""

import struct

import numpy as np

from tests.support.scan_files import ramp

SLICE = ramp().astype(np.uint16) * 16  # 12 bits of 16


def rle_frame(segment: bytes, planes: int = 1) -> bytes:
    offsets = [64 + index * len(segment) for index in range(planes)] + [0] * (15 - planes)
    return struct.pack("<16I", planes, *offsets) + segment * planes


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
