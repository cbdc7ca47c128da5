"""Read a scan from the bytes of a file. Serving and training both use `read_scan`.

Only the bytes decide the format, not the file name. Sizes in the header are checked before a decoder runs. Errors are
ScanErrors, whose messages contain only numbers and DICOM vocabulary. The only metadata that is kept are the technical
attributes of `dicom.attributes`.
"""

from typing import Literal

from imip.errors import FrameOutOfRange, UnsupportedFormat
from imip.scan.codestream.jpeg import JPEG_SIGNATURE
from imip.scan.codestream.png import PNG_SIGNATURE
from imip.scan.dicom.parser import looks_like_dicom
from imip.scan.dicom.read import decode_dicom
from imip.scan.limits import DEFAULT_LIMITS, Limits
from imip.scan.raster import decode_jpeg, decode_png
from imip.scan.scan import Format, Scan


def sniff(data: bytes) -> Format:
    """Detect the format from the first bytes. Raises UnsupportedFormat."""
    if data.startswith(PNG_SIGNATURE):
        return "png"
    if data.startswith(JPEG_SIGNATURE):
        return "jpeg"
    if looks_like_dicom(data):
        return "dicom"
    raise UnsupportedFormat("The file is neither PNG, JPEG nor DICOM.")


def read_scan(
    data: bytes,
    *,
    frame: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    burned_in: Literal["refuse", "warn"] = "warn",
) -> Scan:
    """Decode one frame; None selects the middle one, `frames // 2`.

    For any bytes, it either returns a scan or raises a ScanError (see `imip.errors`).
    """
    limits.check_body(len(data))
    data = bytes(data)
    format = sniff(data)
    if format == "dicom":
        return decode_dicom(data, frame=frame, limits=limits, burned_in=burned_in)
    if frame not in (None, 0):
        raise FrameOutOfRange(f"Frame {frame} was asked for; the scan has 1 frame, number 0.")
    return (decode_png if format == "png" else decode_jpeg)(data, limits)
