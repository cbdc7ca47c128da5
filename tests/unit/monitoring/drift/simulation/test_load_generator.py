"""What the load generator sends, and when: the scans of a folder, as they are or drifted, at a steady rate."""

from pathlib import Path

import numpy as np
import pytest

from imip.scan.read import read_scan, sniff
from monitoring.drift.simulation.load_generator import Pace, encode, read_folder, traffic
from tests.support.heads import head
from tests.support.traffic import Clock, fill


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path)
    return tmp_path


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_folder_is_read_by_bytes_in_order_and_what_is_no_scan_is_counted(folder: Path) -> None:
    found = read_folder(folder)
    assert [(scan.label, scan.format) for scan in found.scans] == list(
        zip(("glioma", "glioma", "notumor"), ("jpeg", "dicom", "png"), strict=True)
    )
    assert found.skipped == 2
    assert np.array_equal(found.scans[2].decode(), head(3))


def test_a_file_above_the_limit_is_skipped_unread(folder: Path) -> None:
    with (folder / "huge.png").open("wb") as file:
        file.truncate(40 * 2**20)
    assert read_folder(folder).skipped == 3


def test_undrifted_traffic_is_the_files_own_bytes(folder: Path) -> None:
    files = {path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    sent = list(traffic(read_folder(folder).scans, "none", 1, 6, rng()))
    assert len(sent) == 6 and set(sent) <= files


def test_drifted_traffic_keeps_the_format_of_the_pictures(folder: Path) -> None:
    sources = read_folder(folder).scans
    sent = list(traffic(sources, "blur", 3, 3, rng()))
    assert sorted(sniff(data) for data in sent) == ["jpeg", "png", "png"]
    assert {read_scan(data).pixels.shape for data in sent} == {(96, 96)}
    assert not set(sent) & {source.data for source in sources}


def test_a_mix_sends_the_scans_it_does_not_paint_as_they_are(folder: Path) -> None:
    sources = read_folder(folder).scans
    own = {source.data for source in sources}
    sent = list(traffic(sources, "more-anomalies", 3, 60, rng()))
    assert 30 < sum(data in own for data in sent) < 55


def test_png_loses_nothing() -> None:
    assert np.array_equal(read_scan(encode(head(4), "png")).pixels, head(4))


def test_a_slow_answer_puts_off_nothing_that_is_due_later() -> None:
    clock = Clock()
    pace = clock.pace(2)
    begun = []
    for answer_seconds in (0, 1.25, 0, 0, 0):
        pace.wait()
        begun.append(clock.time - 1000)
        clock.time += answer_seconds
    assert begun == [0, 0.5, 1.75, 1.75, 2]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_cannot_be_kept_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="scans per second"):
        Pace(rate)
