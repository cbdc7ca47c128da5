"""Scans of every kind are answered: frames, syntaxes, real files, and pictures that are none of a brain."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from tests.support.answers import check_finding, decoded, explain, predict
from tests.support.scan_files import DICOM_MR, data_set, dicom_bytes, mr_bytes, picture_bytes, ramp, wheel_file
from tests.support.server import REPOSITORY, Server, problem

SERIES = sorted(DICOM_MR.rglob("*.dcm"))


def test_a_multi_frame_scan_answers_for_its_middle_frame_and_says_so(server: Server) -> None:
    frames = mr_bytes(np.stack([ramp() // (number + 1) for number in range(5)]))
    middle = predict(server, frames)
    assert (middle["scan"]["frame"], middle["scan"]["frames"]) == (2, 5)
    assert predict(server, frames, frame="2")["probabilities"] == middle["probabilities"]
    assert [predict(server, frames, frame=str(number))["scan"]["frame"] for number in (0, 4)] == [0, 4]
    body = problem(server.http.post("/predict", files={"file": frames}, data={"frame": "5"}), 422)
    assert body["type"] == "urn:imip:problem:frame-out-of-range"
    assert "has 5," in body["detail"]


def test_one_slice_in_any_lossless_wrapping_gets_one_answer(server: Server) -> None:
    pixels = ramp(60, 70)
    wrapped = [
        picture_bytes(Image.fromarray(pixels), "PNG"),
        picture_bytes(Image.fromarray(np.dstack([pixels] * 3)), "PNG"),
        mr_bytes(pixels),
        dicom_bytes(data_set(pixels), ImplicitVRLittleEndian),
    ]
    answers = [predict(server, scan)["probabilities"] for scan in wrapped]
    assert all(answer == answers[0] for answer in answers)


def test_one_deep_slice_as_png_and_dicom_gets_one_answer(server: Server) -> None:
    deep = ramp(60, 70).astype(np.uint16) * 16
    as_png = predict(server, picture_bytes(Image.fromarray(deep), "PNG"))
    as_dicom = predict(server, mr_bytes(deep))
    big_endian = data_set(deep)
    big_endian.PixelData = deep.astype(">u2").tobytes()
    as_big_endian = predict(server, dicom_bytes(big_endian, ExplicitVRBigEndian))
    assert as_png["probabilities"] == as_dicom["probabilities"] == as_big_endian["probabilities"]


@pytest.mark.parametrize("name", ["", "_implicit", "_bigendian", "_RLE", "_jp2klossless", "_jpeg_ls_lossless"])
def test_each_transfer_syntax_of_a_slice_gets_the_same_answer(server: Server, name: str) -> None:
    finding = predict(server, wheel_file(f"MR_small{name}.dcm"))
    assert finding["scan"]["format"] == "dicom"
    assert finding["scan"]["attributes"]["Modality"] == "MR"
    assert finding["probabilities"] == predict(server, wheel_file("MR_small.dcm"))["probabilities"]


def test_a_jpeg_is_read_by_its_bytes_whatever_its_name_and_type_say(server: Server) -> None:
    jpeg = picture_bytes(Image.fromarray(ramp(60, 70)), "JPEG")
    for name, kind in (("scan.jpg", "image/jpeg"), ("scan.dcm", "application/dicom"), ("", "text/html")):
        answer = server.http.post("/predict", files={"file": (name or "x", jpeg, kind)})
        assert answer.json()["scan"]["format"] == "jpeg"


@pytest.mark.skipif(not SERIES, reason="the shared DICOM files are not here")
@pytest.mark.parametrize("path", SERIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_real_dicom_files_are_answered(server: Server, path: Path) -> None:
    finding = predict(server, path.read_bytes())
    check_finding(server, finding)
    assert finding["scan"]["frame"] == finding["scan"]["frames"] // 2
    assert finding["scan"]["attributes"]["Modality"] == "MR"


def test_writing_that_may_be_in_the_picture_is_warned_of_or_refused_as_set(
    server: Server, small_server: Server
) -> None:
    annotated = mr_bytes(ramp(), BurnedInAnnotation="YES")
    assert "burned_in_annotation" in predict(server, annotated)["warnings"]
    body = problem(small_server.http.post("/predict", files={"file": annotated}), 422)
    assert body["type"] == "urn:imip:problem:burned-in-annotation"
    assert small_server.http.get("/meta").json()["burned_in_annotation"] == "refuse"


def not_slices() -> dict[str, np.ndarray[Any, np.dtype[np.uint8]]]:
    """Noise, nothing, and something like a photo: a horizon, clouds and a sun in colour."""
    rows, columns = np.mgrid[:240, :320]
    sky = np.dstack([120 + rows // 4, 160 + rows // 4, 240 - rows // 8])
    ground = np.dstack([60 + 40 * np.sin(columns / 9), 120 + 30 * np.sin(rows / 3), 40 + 0 * rows])
    photo = np.where((rows < 140)[..., None], sky, ground)
    photo[(rows - 50) ** 2 + (columns - 250) ** 2 < 900] = (255, 240, 180)
    return {
        "noise": np.random.default_rng(3).integers(0, 256, (200, 200), np.uint8),
        "blank": np.zeros((200, 200), np.uint8),
        "photo": photo.astype(np.uint8),
    }


@pytest.mark.parametrize("name", ["noise", "blank", "photo"])
def test_a_picture_of_no_brain_gets_a_warning(server: Server, name: str) -> None:
    finding = predict(server, picture_bytes(Image.fromarray(not_slices()[name]), "PNG"))
    assert "out_of_distribution" in finding["warnings"]


def test_a_brain_gets_none(server: Server) -> None:
    finding = predict(server, (REPOSITORY / "samples" / "brain-axial.png").read_bytes())
    assert finding["warnings"] == []


def test_the_smallest_and_oddest_pictures_are_answered(server: Server) -> None:
    for shape in ((1, 1), (1, 400), (400, 1), (2, 3)):
        for value in (0, 255):
            blank = picture_bytes(Image.fromarray(np.full(shape, value, np.uint8)), "PNG")
            check_finding(server, predict(server, blank))
            assert server.http.post("/heatmap", files={"file": blank}).headers["content-type"] == "image/png"
            assert decoded(explain(server, blank)["heatmap"]["png_base64"]).size == shape[::-1]
