"""The sample scans can be read, agree with each other, and hold nobody's data."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from imip.scan.read import read_scan
from imip.scan.scan import Scan

SAMPLES = Path(__file__).parents[2] / "samples"
NAMES = (
    "brain-axial.png",
    "brain-axial.jpg",
    "brain-axial.dcm",
    "brain-axial-lesion.png",
    "brain-multiframe.dcm",
)
MOST_BYTES = 400_000  # of all together: they are part of every clone

IMAGE = {"SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"}
IMAGE |= {"Modality", "ImageType", "BodyPartExamined", "BurnedInAnnotation", "ImageOrientationPatient"}
IMAGE |= {"Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "PixelRepresentation", "PixelData"}
IMAGE |= {"BitsAllocated", "BitsStored", "HighBit"}
SINGLE = {"ScanningSequence", "SequenceVariant", "MRAcquisitionType", "ImagePositionPatient"}
SHOWN = {"SliceThickness", "PixelSpacing", "WindowCenter", "WindowWidth"}
GROUPS = {"NumberOfFrames", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"}
GROUPS |= {"FrameVOILUTSequence", "PixelMeasuresSequence", "PlanePositionSequence", "ImagePositionPatient"}
ELEMENTS = {"brain-axial.dcm": IMAGE | SINGLE | SHOWN, "brain-multiframe.dcm": IMAGE | GROUPS | SHOWN}
META = {"FileMetaInformationGroupLength", "FileMetaInformationVersion", "MediaStorageSOPClassUID", "TransferSyntaxUID"}
META |= {"MediaStorageSOPInstanceUID", "ImplementationClassUID", "ImplementationVersionName"}


def scan(name: str, frame: int | None = None) -> Scan:
    return read_scan((SAMPLES / name).read_bytes(), frame=frame)


def farthest(one: Scan, two: Scan) -> int:
    return int(np.abs(one.pixels.astype(int) - two.pixels.astype(int)).max())


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_shows_a_brain_in_the_dark(name: str) -> None:
    pixels = scan(name).pixels
    middle = pixels[pixels.shape[0] // 4 : -pixels.shape[0] // 4, pixels.shape[1] // 4 : -pixels.shape[1] // 4]
    assert pixels[[0, -1]].max() <= 3
    assert middle.mean() > 80


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_raises_no_warning(name: str) -> None:
    assert scan(name).warnings == ()


def test_dicom_and_png_of_the_slice_agree() -> None:
    assert farthest(scan("brain-axial.dcm"), scan("brain-axial.png")) <= 1


def test_the_jpeg_is_the_same_slice() -> None:
    assert farthest(scan("brain-axial.jpg"), scan("brain-axial.png")) <= 40
    assert np.corrcoef(scan("brain-axial.jpg").pixels.ravel(), scan("brain-axial.png").pixels.ravel())[0, 1] > 0.999


def test_the_lesion_lies_in_the_left_half_of_the_brain_and_nowhere_else() -> None:
    plain, painted = scan("brain-axial.png").pixels, scan("brain-axial-lesion.png").pixels
    changed = np.abs(plain.astype(int) - painted) > 2
    assert not changed[:, : plain.shape[1] // 2 - 10].any()  # the patient's left is at the right of the picture
    assert 0.02 < changed.mean() < 0.2
    assert painted[changed].max() > plain.max() + 40


def test_the_middle_frame_is_the_slice_at_half_the_size() -> None:
    small, whole = scan("brain-multiframe.dcm"), scan("brain-axial.dcm")
    assert (small.frame, small.frames, small.bit_depth) == (4, 9, 12)
    halved = whole.pixels.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    assert np.abs(small.pixels - halved).max() <= 1


def test_the_frames_differ() -> None:
    frames = {scan("brain-multiframe.dcm", frame).pixels.tobytes() for frame in range(9)}
    assert len(frames) == 9


@pytest.mark.parametrize("name", ELEMENTS)
def test_a_dicom_sample_holds_these_elements_and_no_other(name: str) -> None:
    dataset = pydicom.dcmread(io.BytesIO((SAMPLES / name).read_bytes()))
    assert keywords(dataset) == ELEMENTS[name]
    assert keywords(dataset.file_meta) == META
    assert dataset.preamble == b"\0" * 128
    assert dataset.BurnedInAnnotation == "NO"


def keywords(dataset: Dataset) -> set[str]:
    """The keywords of all elements, those of nested ones too; a private element would have none."""
    return {element.keyword for element in dataset.iterall()}


def test_the_pictures_hold_pixels_and_no_metadata() -> None:
    for name in ("brain-axial.png", "brain-axial-lesion.png"):
        data = (SAMPLES / name).read_bytes()
        assert not any(chunk in data for chunk in (b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"tIME"))
    assert b"Exif" not in (SAMPLES / "brain-axial.jpg").read_bytes()


def test_the_samples_are_small_and_all_named_here() -> None:
    scans = {path.name: path.stat().st_size for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg", ".dcm")}
    assert set(scans) == set(NAMES)
    assert sum(scans.values()) < MOST_BYTES
