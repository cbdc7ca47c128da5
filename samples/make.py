"""Make the sample scans in this folder. Run it by hand, because the files are committed.

The scans are made from the MNI152 average brain in nilearn and a synthetic mass, so they show no patient. Install
nilearn and run `python -m samples.make`. Every run makes the same bytes.
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

HEIGHT = 14  # mm above the anterior commissure: frontal and occipital horns, thalamus
HEIGHTS = range(-10, 39, 6)  # mm; the middle one is HEIGHT
SPACING = 1.0  # mm per pixel of the template
SIDE = 256  # pixels
BITS = 12
MAX_STORED = 2800  # value of the brightest tissue in the template; a mass may be brighter
WINDOW = VoiWindow(center=2000, width=4000)

Stored = NDArray[np.uint16]  # (H, W), 12 bits


def main() -> None:
    """Write every sample."""
    brain = np.asarray(load_mni152_template(resolution=1).dataobj, np.float32)  # (x, y, z) to right, front, top; 0..1
    healthy = axial(brain, HEIGHT)
    write_picture("brain-axial.png", apply_window(healthy), cv2.IMWRITE_PNG_COMPRESSION, 9)
    write_picture("brain-axial.jpg", apply_window(healthy), cv2.IMWRITE_JPEG_QUALITY, 90)
    write_picture("brain-axial-lesion.png", apply_window(with_lesion(healthy)), cv2.IMWRITE_PNG_COMPRESSION, 9)
    write_single_frame("brain-axial.dcm", healthy)
    write_multi_frame("brain-multiframe.dcm", [downsample(axial(brain, height)) for height in HEIGHTS])


def axial(brain: NDArray[np.float32], height: float) -> Stored:
    """Return one slice in radiological orientation: the patient's right is on the left, the front at the top."""
    origin_z = -72  # mm, of the template's lowest slice
    plane = brain[::-1, ::-1, round(height) - origin_z].T
    top, left = (SIDE - plane.shape[0]) // 2, (SIDE - plane.shape[1]) // 2
    padded = np.zeros((SIDE, SIDE), np.uint16)
    padded[top : top + plane.shape[0], left : left + plane.shape[1]] = np.rint(plane * MAX_STORED)
    return padded


def with_lesion(stored: Stored) -> Stored:
    """Add a solid, bright mass with an irregular edge and oedema to the left hemisphere."""
    row, column, radius = 118.0, 166.0, 21.0  # pixels
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    angle = np.arctan2(rows - row, columns - column)
    lobes = 1 + 0.10 * np.sin(2 * angle + 0.6) + 0.07 * np.sin(3 * angle + 2.0) + 0.04 * np.sin(5 * angle)
    distance = np.hypot(rows - row, columns - column) / (radius * lobes)  # 1 at the edge of the mass
    brain = stored > 0.3 * MAX_STORED
    oedema = 0.6 * inside(distance, edge=1.35, softness=0.08) * brain
    image = stored * (1 - oedema) + oedema * 0.5 * MAX_STORED
    texture = 1 + 0.04 * np.sin(rows / 2.3) * np.sin(columns / 2.9)
    mass = inside(distance, edge=1.0, softness=0.05)
    return np.asarray(np.rint(image * (1 - mass) + mass * texture * 1.4 * MAX_STORED), np.uint16)


def inside(distance: NDArray[np.float32], edge: float, softness: float) -> NDArray[np.float32]:
    """Return 1 inside the edge, 0 outside, with a smooth transition."""
    return np.asarray(1 / (1 + np.exp(np.clip((distance - edge) / softness, -30, 30))), np.float32)


def downsample(stored: Stored) -> Stored:
    """Reduce width and height by half."""
    return np.asarray(cv2.resize(stored, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint16)


def apply_window(stored: Stored) -> NDArray[np.uint8]:
    """Return the slice in display range."""
    return WINDOW.apply(stored.astype(np.float32))


def write_picture(name: str, pixels: NDArray[np.uint8], parameter: int, value: int) -> None:
    """Write a PNG or JPEG, depending on the suffix."""
    cv2.imwrite(str(FOLDER / name), pixels, [parameter, value])


def write_single_frame(name: str, stored: Stored) -> None:
    """Write an uncompressed MR image."""
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
    dataset.PerFrameFunctionalGroupsSequence = Sequence([frame_group(height) for height in HEIGHTS])
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.save_as(FOLDER / name, enforce_file_format=True)


def frame_group(height: float) -> Dataset:
    """Return the functional group with the position of one frame."""
    group, position = Dataset(), Dataset()
    position.ImagePositionPatient = corner(height, 2 * SPACING)
    group.PlanePositionSequence = Sequence([position])
    return group


def image(name: str, sop_class: UID, stored: NDArray[np.uint16], spacing: float) -> FileDataset:
    """Return the data set that both DICOM samples share. It contains no name and no date."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = fixed_uid(name)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = fixed_uid("writer")
    meta.ImplementationVersionName = "IMIP"
    dataset = FileDataset(name, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = fixed_uid(name)
    dataset.StudyInstanceUID = fixed_uid("study")
    dataset.SeriesInstanceUID = fixed_uid(f"series of {name}")
    dataset.FrameOfReferenceUID = fixed_uid("frame of reference")
    dataset.Modality = "MR"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.BodyPartExamined = "BRAIN"
    dataset.BurnedInAnnotation = "NO"
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    if sop_class == MRImageStorage:
        dataset.ImagePositionPatient = corner(HEIGHT, spacing)
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, BITS, BITS - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = stored.astype("<u2").tobytes()
    return dataset


def corner(height: float, spacing: float) -> list[float]:
    """Return the centre of the first pixel in mm towards the patient's left, back and top."""
    half = (SIDE * SPACING - spacing) / 2
    return [-half, -half, float(height)]


def fixed_uid(name: str) -> UID:
    """Return the UID for a name, always the same (PS3.5 B.2)."""
    return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_DNS, f'{name}.samples.imip').int}")


if __name__ == "__main__":
    main()
