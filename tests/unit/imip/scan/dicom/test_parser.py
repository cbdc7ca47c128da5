"""Data sets built to cost much: nesting and elements without end."""

import numpy as np
import pytest

from imip.errors import MalformedScan, ScanError
from imip.scan.read import read_scan
from tests.support.scan_files import mr_bytes, ramp

SLICE = ramp().astype(np.uint16) * 16  # 12 bits of 16


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
