"""Codestreams before their decoders see them: headers alone, without metadata."""

import numpy as np
from pydicom import uid

from imip.scan.codestream.jpeg import bare_jpeg
from imip.scan.read import read_scan
from tests.support.codestreams import ADOBE, COMMENT, GARBAGE, lossless_jpeg
from tests.support.scan_files import compressed, data_set, ramp


def test_gray_lossless_jpeg_reaches_its_decoder_without_metadata() -> None:
    bare = lossless_jpeg()
    assert bare_jpeg(lossless_jpeg(ADOBE, COMMENT, GARBAGE)) == bare == bare_jpeg(bare)
    for codestream in (bare, lossless_jpeg(ADOBE, COMMENT, GARBAGE)):
        for syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1):
            assert np.array_equal(read_scan(compressed(data_set(ramp()), codestream, syntax)).pixels, ramp())
