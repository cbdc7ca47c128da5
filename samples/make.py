"""Paints the sample scans of this folder; run by hand, since they are committed.

They come from the MNI152 average brain that nilearn packages, and from a mass that is arithmetic alone, so
they show no patient. Install nilearn beside the project's own packages and run `python -m samples.make`: the
same bytes come out again.
"""

import uuid
from pathlib import Path

import cv2
import numpy as np
from nilearn.datasets import load_mni152_template
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, RLELossless

from imip.scan.display import VoiWindow

FOLDER = Path(__file__).parent

LEVEL = 14  # mm above the anterior commissure: frontal and occipital horns, thalamus
LEVELS = range(-10, 39, 6)  # mm; the middle one is LEVEL
SPACING = 1.0  # mm a pixel of the template
SIDE = 256  # pixels
BITS = 12
BRIGHTEST = 2800  # the stored value of the template's brightest tissue; a mass may be brighter
WINDOW = VoiWindow(center=2000, width=4000)

Stored = NDArray[np.uint16]  # (H, W), 12 bits


def main() -> None:
    """Write every sample."""
    brain = np.asarray(load_mni152_template(resolution=1).dataobj, np.float32)  # (x, y, z) to right, front, top; 0..1
    plain = axial(brain, LEVEL)
    write_picture("brain-axial.png", shown(plain), cv2.IMWRITE_PNG_COMPRESSION, 9)
    write_picture("brain-axial.jpg", shown(plain), cv2.IMWRITE_JPEG_QUALITY, 90)
    write_picture("brain-axial-lesion.png", shown(with_lesion(plain)), cv2.IMWRITE_PNG_COMPRESSION, 9)
    write_single_frame("brain-axial.dcm", plain)
    write_multi_frame("brain-multiframe.dcm", [halved(axial(brain, level)) for level in LEVELS])


def axial(brain: NDArray[np.float32], level: float) -> Stored:
    """Cut one level as radiologists look at it, from the feet: the patient's right at the left, front at the top."""
    origin_z = -72  # mm, of the template's lowest slice
    cut = brain[::-1, ::-1, round(level) - origin_z].T
    top, left = (SIDE - cut.shape[0]) // 2, (SIDE - cut.shape[1]) // 2
    placed = np.zeros((SIDE, SIDE), np.uint16)
    placed[top : top + cut.shape[0], left : left + cut.shape[1]] = np.rint(cut * BRIGHTEST)
    return placed


def with_lesion(stored: Stored) -> Stored:
    """Paint a solid, bright mass with an irregular edge and oedema into the left hemisphere."""
    row, column, radius = 118.0, 166.0, 21.0  # pixels
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    angle = np.arctan2(rows - row, columns - column)
    lobes = 1 + 0.10 * np.sin(2 * angle + 0.6) + 0.07 * np.sin(3 * angle + 2.0) + 0.04 * np.sin(5 * angle)
    distance = np.hypot(rows - row, columns - column) / (radius * lobes)  # 1 at the edge of the mass
    brain = stored > 0.3 * BRIGHTEST
    oedema = 0.6 * inside(distance, edge=1.35, softness=0.08) * brain
    image = stored * (1 - oedema) + oedema * 0.5 * BRIGHTEST
    texture = 1 + 0.04 * np.sin(rows / 2.3) * np.sin(columns / 2.9)
    mass = inside(distance, edge=1.0, softness=0.05)
    return np.asarray(np.rint(image * (1 - mass) + mass * texture * 1.4 * BRIGHTEST), np.uint16)


def inside(distance: NDArray[np.float32], edge: float, softness: float) -> NDArray[np.float32]:
    """Return 1 within the edge, 0 beyond, and a soft step between."""
    return np.asarray(1 / (1 + np.exp(np.clip((distance - edge) / softness, -30, 30))), np.float32)


def halved(stored: Stored) -> Stored:
    """Reduce to half the side, by means of four."""
    return np.asarray(cv2.resize(stored, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint16)


def shown(stored: Stored) -> NDArray[np.uint8]:
    """Return the slice through its window, as a screen shows it."""
    return WINDOW.apply(stored.astype(np.float32))


def write_picture(name: str, pixels: NDArray[np.uint8], parameter: int, value: int) -> None:
    """Write a PNG or JPEG, told by the name."""
    cv2.imwrite(str(FOLDER / name), pixels, [parameter, value])


def write_single_frame(name: str, stored: Stored) -> None:
    """Write an MR image without compression."""
    dataset = image(name, MRImageStorage, stored, SPACING)
    dataset.ScanningSequence = "GR"
    dataset.SequenceVariant = "SP"
    dataset.MRAcquisitionType = "3D"
    dataset.SliceThickness = SPACING
    dataset.PixelSpacing = [SPACING, SPACING]
    dataset.WindowCenter, dataset.WindowWidth = WINDOW.center, WINDOW.width
    dataset.save_as(FOLDER / name, enforce_file_format=True)


def write_multi_frame(name: str, stack: list[Stored]) -> None:
    """Write an enhanced MR image, RLE-compressed, with window and spacing in its functional groups."""
    dataset = image(name, EnhancedMRImageStorage, np.stack(stack), 2 * SPACING)
    dataset.NumberOfFrames = len(stack)
    shared, voi, measures = Dataset(), Dataset(), Dataset()
    voi.WindowCenter, voi.WindowWidth = WINDOW.center, WINDOW.width
    measures.SliceThickness = SPACING
    measures.PixelSpacing = [2 * SPACING, 2 * SPACING]
    shared.FrameVOILUTSequence = Sequence([voi])
    shared.PixelMeasuresSequence = Sequence([measures])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    dataset.PerFrameFunctionalGroupsSequence = Sequence([frame_group(level) for level in LEVELS])
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.save_as(FOLDER / name, enforce_file_format=True)


def frame_group(level: float) -> Dataset:
    """Say where one frame lies."""
    group, position = Dataset(), Dataset()
    position.ImagePositionPatient = corner(level, 2 * SPACING)
    group.PlanePositionSequence = Sequence([position])
    return group


def image(name: str, sop_class: UID, stored: NDArray[np.uint16], spacing: float) -> FileDataset:
    """Return what both DICOM samples hold: what was scanned and how to show it, and nobody's name or date."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = own_uid(name)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = own_uid("writer")
    meta.ImplementationVersionName = "IMIP"
    dataset = FileDataset(name, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = own_uid(name)
    dataset.StudyInstanceUID = own_uid("study")
    dataset.SeriesInstanceUID = own_uid(f"series of {name}")
    dataset.FrameOfReferenceUID = own_uid("frame of reference")
    dataset.Modality = "MR"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.BodyPartExamined = "BRAIN"
    dataset.BurnedInAnnotation = "NO"
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    if sop_class == MRImageStorage:
        dataset.ImagePositionPatient = corner(LEVEL, spacing)
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, BITS, BITS - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = stored.astype("<u2").tobytes()
    return dataset


def corner(level: float, spacing: float) -> list[float]:
    """Return where the centre of the first pixel lies: mm to the patient's left, back and top."""
    half = (SIDE * SPACING - spacing) / 2
    return [-half, -half, float(level)]


def own_uid(name: str) -> UID:
    """Return a UID that is always the same for a name (PS3.5 B.2)."""
    return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_DNS, f'{name}.samples.imip').int}")


if __name__ == "__main__":
    main()
