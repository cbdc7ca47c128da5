"""Run-length encoding: bounded by the plane that it should fill, whatever it promises."""

import time

import pytest

from imip.errors import MalformedScan, ScanTooLarge
from imip.scan.dicom import rle
from imip.scan.dicom.rle import decode_rle
from tests.support.codestreams import rle_frame


def test_rle_stops_at_the_size_of_the_plane() -> None:
    header = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56)
    runs = header + b"\x81\x07" * 5_000_000  # would expand to 640 MB
    assert decode_rle(runs, 2, 3, 1, 1).ravel().tolist() == [7] * 6
    with pytest.raises(MalformedScan):
        decode_rle(header + b"\x81\x07", 100, 100, 1, 1)


@pytest.mark.parametrize("side", [100, 4000])
def test_rle_of_nothing_is_refused_soon(side: int) -> None:
    frame = rle_frame(b"\x80" * 31_000_000)
    start = time.process_time()
    with pytest.raises(MalformedScan):
        decode_rle(frame, side, side, 1, 1)
    assert time.process_time() - start < 1


def test_rle_of_too_many_runs_in_all_planes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rle, "MAX_RUNS", 1000)
    assert decode_rle(rle_frame(b"\0\7" * 500, 2), 1, 500, 1, 2).all()
    with pytest.raises(ScanTooLarge):
        decode_rle(rle_frame(b"\0\7" * 501, 2), 1, 501, 1, 2)


def test_rle_may_do_nothing_here_and_there() -> None:
    assert decode_rle(rle_frame(b"\x80\x80\xff\5\x80\0\6"), 1, 3, 1, 1).ravel().tolist() == [5, 5, 6]
