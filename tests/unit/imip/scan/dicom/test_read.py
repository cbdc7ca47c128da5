"""DICOM files as a whole: every syntax, deflated and without preamble, their frames, and no name in what leaves."""

import io
import logging
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.dataset import Dataset

from imip.errors import FrameOutOfRange, ScanError, ScanTooLarge, UnsupportedScan
from imip.scan.limits import Limits
from imip.scan.read import read_scan
from tests.support.scan_files import (
    DICOM_MR,
    compressed,
    data_set,
    dicom_bytes,
    mr_bytes,
    ramp,
    wheel_file,
)
from tests.support.server import REPOSITORY

SLICE = ramp().astype(np.uint16) * 16  # 12 bits of 16
SERIES = DICOM_MR / "transfer-syntaxes"
needs_series = pytest.mark.skipif(not SERIES.exists(), reason="the shared DICOM files are not here")


@needs_series
def test_nine_transfer_syntaxes_of_one_slice_agree() -> None:
    scans = [read_scan(path.read_bytes()) for path in sorted(SERIES.glob("*.dcm"))]
    assert len(scans) == 9
    assert all(np.array_equal(scan.pixels, scans[0].pixels) for scan in scans)
    assert all(scan.attributes == scans[0].attributes for scan in scans)
    assert scans[0].attributes["Modality"] == "MR"


@pytest.mark.parametrize("name", ["implicit", "bigendian", "expb", "RLE", "jp2klossless", "jpeg_ls_lossless", "padded"])
def test_lossless_variants_of_a_slice_are_identical(name: str) -> None:
    plain = read_scan(wheel_file("MR_small.dcm"))
    other = read_scan(wheel_file(f"MR_small_{name}.dcm"))
    assert np.array_equal(other.pixels, plain.pixels)
    assert other.attributes == plain.attributes


@pytest.mark.parametrize(
    "name",
    [
        "rgb_gdcm_KY",
        "rgb_dcmtk_+eb+cr",
        "rgb_jpeg_dcmtk",
        "rgb_jls_lossy_line",
        "rgb_jls_lossy_sample",
        "ybr_full_422_uncompressed",
        "rgb_rle_16bit",
        "rgb_rle_32bit",
    ],
)
def test_color_syntaxes_show_the_same_card(name: str) -> None:
    card = read_scan(wheel_file("SC_rgb_rle.dcm")).pixels.astype(int)
    scan = read_scan(wheel_file(f"SC_{name}.dcm"))
    assert scan.channels == 3
    assert np.percentile(np.abs(scan.pixels - card), 95) <= 4


def test_both_byte_orders_of_odd_color_pictures_agree() -> None:
    little, big = (read_scan(wheel_file(f"SC_rgb_small_odd{end}.dcm")) for end in ("", "_big_endian"))
    assert np.array_equal(little.pixels, big.pixels)


def test_the_middle_frame_is_taken_unless_another_is_asked_for() -> None:
    file = mr_bytes(np.arange(5, dtype=np.uint8)[:, None, None] * np.full((1, 4, 4), 10, np.uint8))
    scan = read_scan(file)
    assert (scan.frame, scan.frames, scan.pixels[0, 0]) == (2, 5, 20)
    assert [read_scan(file, frame=index).pixels[0, 0] for index in range(5)] == [0, 10, 20, 30, 40]
    for frame in (5, -1):
        with pytest.raises(FrameOutOfRange):
            read_scan(file, frame=frame)


@pytest.mark.skipif(not DICOM_MR.exists(), reason="the shared DICOM files are not here")
@pytest.mark.parametrize("name", ["6_1", "IM_0027_fMAP"])
def test_enhanced_mr_frames_match_pydicom(name: str) -> None:
    file = (DICOM_MR / "enhanced" / f"{name}.dcm").read_bytes()
    ds = pydicom.dcmread(io.BytesIO(file))
    scan = read_scan(file)
    assert (scan.frame, scan.frames) == (ds.NumberOfFrames // 2, ds.NumberOfFrames)
    stored = ds.pixel_array[scan.frame].astype(float)
    assert np.corrcoef(stored.ravel(), scan.pixels.ravel())[0, 1] > 0.95


def test_deflated_equals_plain_and_a_deflate_bomb_stops_early() -> None:
    assert np.array_equal(
        read_scan(dicom_bytes(data_set(SLICE), uid.DeflatedExplicitVRLittleEndian)).pixels,
        read_scan(mr_bytes(SLICE)).pixels,
    )
    file = dicom_bytes(data_set(SLICE), uid.DeflatedExplicitVRLittleEndian)
    meta_end = 132 + 12 + int.from_bytes(file[140:144], "little")
    bomb = file[:meta_end] + zlib.compress(bytes(100_000_000))[2:]
    tracemalloc.start()
    with pytest.raises(ScanTooLarge):
        read_scan(bomb, limits=Limits(inflated_bytes=1_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_data_set_without_preamble_is_read() -> None:
    file = wheel_file("MR_small.dcm")
    assert np.array_equal(read_scan(file[132:]).pixels, read_scan(file).pixels)
    for name in ("MR_small", "MR_small_implicit", "MR_small_bigendian"):
        body = wheel_file(f"{name}.dcm")
        start = 132 + 12 + int.from_bytes(body[140:144], "little")
        assert np.array_equal(read_scan(body[start:]).pixels, read_scan(file).pixels)


@pytest.mark.parametrize("name", ["test-SR", "rtplan", "waveform_ecg", "reportsi"])
def test_objects_without_an_image_are_unsupported(name: str) -> None:
    with pytest.raises(UnsupportedScan):
        read_scan(wheel_file(f"{name}.dcm"))


def test_unsupported_syntaxes_are_named_only_if_registered() -> None:
    with pytest.raises(UnsupportedScan, match="MPEG2"):
        read_scan(compressed(data_set(ramp()), b"\0\0\1\xb3", uid.MPEG2MPML))
    foreign = dicom_bytes(data_set(ramp())).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.7.7.7\0")
    with pytest.raises(UnsupportedScan, match="unknown") as raised:
        read_scan(foreign)
    assert "99999" not in str(raised.value)


CANARY = "CANARY^JANE"


def canary_file() -> Dataset:
    """A sound image whose every text element is a patient's name."""
    ds = data_set(ramp())
    for element in ds:
        if element.VR in ("UI", "CS") and element.keyword not in ("PhotometricInterpretation",):
            element.value = CANARY
    texts = "PatientName PatientID ImageComments Manufacturer SeriesDescription StudyInstanceUID SpecificCharacterSet "
    texts += "BodyPartExamined ScanningSequence MRAcquisitionType VOILUTFunction BurnedInAnnotation ConversionType"
    for keyword in texts.split():
        setattr(ds, keyword, CANARY)
    for keyword in ("EchoTime", "RepetitionTime", "MagneticFieldStrength", "SliceThickness", "PixelSpacing"):
        ds.add_new(keyword, "LO", CANARY)
    block = ds.private_block(0x0009, CANARY, create=True)
    block.add_new(1, "LO", CANARY)
    return ds


def test_a_patient_name_in_every_text_leaves_nowhere(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    sound = dicom_bytes(canary_file())
    files = [sound, sound[:-5], sound.replace(b"1.2.840.10008.1.2.1\0", CANARY.ljust(20).encode())]
    for keyword in ("RescaleSlope", "WindowCenter", "NumberOfFrames", "PhotometricInterpretation", "HighBit"):
        broken = canary_file()
        broken.add_new(keyword, "LO", CANARY)
        files.append(dicom_bytes(broken))
    recwarn.clear()
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    for file in files:
        try:
            scan = read_scan(file)
        except ScanError as error:
            said = f"{error!r} {error.__cause__!r}"
        else:
            said = f"{scan.attributes} {scan.warnings}"
        assert "CANARY" not in said and "JANE" not in said
    assert "CANARY" not in caplog.text
    assert not any("CANARY" in str(warning.message) for warning in recwarn)
    (tmp_path / "scan.dcm").write_bytes(sound)
    code = "import sys; from imip.scan.read import read_scan; print(read_scan(open(sys.argv[1], 'rb').read()))"
    run = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, str(tmp_path / "scan.dcm")],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    assert "CANARY" not in run.stdout + run.stderr
