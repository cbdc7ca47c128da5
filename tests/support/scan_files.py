"""Builders of files for the scan tests: small, made in memory, and free of anyone's data."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

WHEEL_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
DICOM_MR = Path(__file__).parents[3] / "shared/data/dicom-mr"


def wheel_file(name: str) -> bytes:
    """A sample that pydicom ships in its wheel."""
    return (WHEEL_FILES / name).read_bytes()


def ramp(height: int = 16, width: int = 20) -> NDArray[np.uint8]:
    """(H, W): no two corners alike, so that a turned or mirrored picture shows."""
    return np.linspace(0, 250, height * width).reshape(height, width).astype(np.uint8)


def picture_bytes(picture: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bytes(width: int, height: int, bits: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG by hand; `rows` are unfiltered and include their filter bytes."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + data + png_chunk(b"IEND", b"")


def data_set(pixels: NDArray[Any] | None = None, **attributes: Any) -> Dataset:
    """An MR image of (H, W), (F, H, W) or (H, W, 3 uint8) pixels; attributes by keyword override."""
    ds = Dataset()
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = "1.2.3"
    ds.Modality = "MR"
    if pixels is not None:
        color = pixels.ndim == 3 and pixels.shape[-1] == 3
        if pixels.ndim == 3 and not color:
            ds.NumberOfFrames = len(pixels)
        ds.Rows, ds.Columns = pixels.shape[:2] if color else pixels.shape[-2:]
        ds.SamplesPerPixel = 3 if color else 1
        ds.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
        if color:
            ds.PlanarConfiguration = 0
        bits = pixels.dtype.itemsize * 8
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
        ds.PixelRepresentation = int(pixels.dtype.kind == "i")
        ds.add_new("PixelData", "OW", pixels.tobytes())
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def dicom_bytes(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The data set as a DICOM file of a syntax (its pixel data must fit it already)."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def mr_bytes(pixels: NDArray[Any] | None = None, **attributes: Any) -> bytes:
    return dicom_bytes(data_set(pixels, **attributes))


def compressed(ds: Dataset, codestream: bytes, syntax: str) -> bytes:
    """The data set around a compressed frame."""
    ds.add_new("PixelData", "OB", encapsulate([codestream]))
    ds["PixelData"].is_undefined_length = True
    return dicom_bytes(ds, syntax)
