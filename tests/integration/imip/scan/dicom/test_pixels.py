"""Decoders of compressed pixels, sent garbage in a process of their own."""

import pickle
import random
import subprocess
import sys

import pytest
from pydicom import uid

from tests.support.codestreams import ADOBE, COMMENT, lossless_jpeg
from tests.support.scan_files import compressed, data_set, ramp, wheel_file
from tests.support.server import REPOSITORY

HOSTILE = {
    "jpeg lossless": compressed(data_set(ramp()), lossless_jpeg(ADOBE, COMMENT), uid.JPEGLosslessSV1),
    "jpeg lossless color": wheel_file("SC_rgb_jpeg_gdcm.dcm"),
    "jpeg-ls": wheel_file("MR_small_jpeg_ls_lossless.dcm"),
    "jpeg-ls color": wheel_file("SC_rgb_jls_lossy_line.dcm"),
}

READ_ALL = """
import contextlib, pickle, sys
from imip.errors import ScanError
from imip.scan.read import read_scan
for file in pickle.load(sys.stdin.buffer):
    with contextlib.suppress(ScanError):
        read_scan(file)
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_no_byte_of_a_codestreams_header_ends_the_process(name: str) -> None:
    """In a child process, as what escapes GDCM is a C++ exception, which aborts."""
    chance = random.Random(name)
    start = HOSTILE[name].rindex(b"\xff\xd8\xff")
    files = []
    for _ in range(150):
        file = bytearray(HOSTILE[name])
        for _ in range(chance.choice((1, 1, 2, 3))):
            file[chance.randrange(start, min(start + 120, len(file)))] = chance.randrange(256)
        files.append(bytes(file))
    if name == "jpeg lossless color":  # the byte that ended it: Adobe's transform code
        adobe = HOSTILE[name].index(b"Adobe", start)
        files += [HOSTILE[name][: adobe + 11] + bytes([code]) + HOSTILE[name][adobe + 12 :] for code in range(8)]
    child = subprocess.run(
        [sys.executable, "-c", READ_ALL], input=pickle.dumps(files), cwd=REPOSITORY, capture_output=True
    )
    assert child.returncode == 0, child.stderr[-2000:]
