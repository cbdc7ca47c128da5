"""RLE Lossless (PS3.5 Annex G), bounded.

pydicom's decoder expands a segment to its end before it looks at the size, which lets 32 MiB of runs become
2 GiB for each of up to twelve segments; this one stops at the size of the plane.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from imip.errors import MalformedScan


def decode_rle(frame: bytes, rows: int, columns: int, samples: int, bytes_per_sample: int) -> NDArray[np.uint8]:
    """(samples, rows, columns, bytes_per_sample), most significant byte first. Raises MalformedScan."""
    if len(frame) < 64:
        raise MalformedScan("The RLE header is truncated.")
    count, *offsets = struct.unpack("<16I", frame[:64])
    planes = samples * bytes_per_sample
    starts = offsets[:planes]
    if count != planes or planes > 15 or starts[0] < 64 or starts != sorted(starts) or starts[-1] > len(frame):
        raise MalformedScan("The RLE header is inconsistent.")
    ends = [*starts[1:], len(frame)]
    size = rows * columns
    decoded = np.empty((planes, size), np.uint8)
    for plane, start, end in zip(decoded, starts, ends, strict=True):
        plane[:] = np.frombuffer(_segment(frame[start:end], size), np.uint8)
    return decoded.reshape(samples, bytes_per_sample, rows, columns).transpose(0, 2, 3, 1)


def _segment(source: bytes, size: int) -> bytes:
    """The first `size` bytes of a PackBits segment (PS3.5 G.3.2)."""
    plane = bytearray()
    position = 0
    while len(plane) < size:
        if position >= len(source):
            raise MalformedScan("An RLE segment is truncated.")
        code = source[position]
        if code < 128:
            plane += source[position + 1 : position + 2 + code]
            position += 2 + code
        elif code > 128:
            plane += source[position + 1 : position + 2] * (257 - code)
            position += 2
        else:
            position += 1
    return bytes(plane[:size])
