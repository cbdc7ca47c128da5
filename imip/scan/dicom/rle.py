"""RLE Lossless (PS3.5 Annex G) with limits on memory and time.

The decoder of pydicom expands a whole segment before it checks the size, so 32 MiB of runs become 2 GiB for each of up
to twelve segments. This decoder stops at the size of the plane and limits the number of runs.
"""

import re
import struct

import numpy as np
from numpy.typing import NDArray

from imip.errors import MalformedScan, ScanTooLarge

MAX_RUNS = 6_000_000  # per frame, about 1 s; 2048x2048 of 16 bits needs at most 5.6 million (two per three bytes)
_NO_OPERATIONS = re.compile(b"\x80+")


def decode_rle(frame: bytes, rows: int, columns: int, samples: int, bytes_per_sample: int) -> NDArray[np.uint8]:
    """Return (samples, rows, columns, bytes_per_sample), most significant byte first.

    Raises MalformedScan, ScanTooLarge.
    """
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
    runs = MAX_RUNS
    for plane, start, end in zip(decoded, starts, ends, strict=True):
        segment, runs = _segment(frame[start:end], size, runs)
        plane[:] = np.frombuffer(segment, np.uint8)
    return decoded.reshape(samples, bytes_per_sample, rows, columns).transpose(0, 2, 3, 1)


def _segment(source: bytes, size: int, runs: int) -> tuple[bytes, int]:
    """Return the first `size` bytes of a PackBits segment (PS3.5 G.3.2), and how many `runs` are left."""
    plane = bytearray()
    position = 0
    while len(plane) < size:
        if position >= len(source):
            raise MalformedScan("An RLE segment is truncated.")
        if not runs:
            raise ScanTooLarge(f"The RLE frame has more than {MAX_RUNS} runs.")
        runs -= 1
        code = source[position]
        if code < 128:
            plane += source[position + 1 : position + 2 + code]
            position += 2 + code
        elif code > 128:
            plane += source[position + 1 : position + 2] * (257 - code)
            position += 2
        elif no_operations := _NO_OPERATIONS.match(source, position):
            position = no_operations.end()
    return bytes(plane[:size]), runs
