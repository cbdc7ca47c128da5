"""PNG and JPEG to pixels. OpenCV decodes PNG, `imip.scan.jpeg` JPEG; what they do not settle is settled here.

OpenCV was found right (against Pillow) for every PNG colour type; it ignores the transparent gray of a gray PNG.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.errors import MalformedScan, UnsupportedScan
from imip.scan.codestream.exif import exif_orientation
from imip.scan.codestream.header import Codestream
from imip.scan.codestream.jpeg import SOF_HUFFMAN, read_jpeg
from imip.scan.codestream.png import read_png
from imip.scan.display import stretch
from imip.scan.jpeg import decode_gray
from imip.scan.limits import Limits
from imip.scan.scan import Scan

_GRAY, _COLOR, _PALETTE = 0, 2, 3  # PNG colour types

cv2.setLogLevel(0)  # silent: what OpenCV has to say of a file is ours to answer


def decode_png(data: bytes, limits: Limits) -> Scan:
    """Any PNG; transparency is laid over black, 16-bit samples are stretched, an animation gives its first frame.

    Raises MalformedScan, ScanTooLarge.
    """
    header, small, essential = read_png(data)
    limits.check_picture(header.width, header.height, _decoded_samples(header, small) * -(-header.bits // 8))
    picture = _decode(essential)
    if picture.shape[:2] != (header.height, header.width):
        raise MalformedScan("The PNG holds another size than its header says.")
    alpha = _alpha(picture, small.get(b"tRNS", b"") if header.coding == _GRAY else b"", header.bits)
    gray = picture
    if picture.ndim == 3:
        gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY if picture.shape[2] == 3 else cv2.COLOR_BGRA2GRAY)
    if alpha is not None:
        gray = np.rint(gray * alpha).astype(gray.dtype)
    if gray.dtype != np.uint8:
        gray = stretch(gray.astype(np.float32))
    bits, channels = (8, 3) if header.coding == _PALETTE else (header.bits, header.components)
    return Scan(pixels=gray, format="png", size_bytes=len(data), bit_depth=bits, channels=channels)


def _decoded_samples(header: Codestream, small: dict[bytes, bytes]) -> int:
    """Samples per pixel as OpenCV gives them: gray, or color with or without opacity."""
    if header.coding == _GRAY:
        return 1
    return 3 if header.coding in (_COLOR, _PALETTE) and b"tRNS" not in small else 4


def decode_jpeg(data: bytes, limits: Limits) -> Scan:
    """A baseline, extended or progressive 8-bit JPEG, turned upright as its EXIF orientation says.

    Raises MalformedScan, ScanTooLarge, UnsupportedScan.
    """
    header = read_jpeg(data, SOF_HUFFMAN)
    limits.check_picture(header.width, header.height, header.components)
    if header.bits != 8:
        raise UnsupportedScan("JPEG with more than 8 bits per sample is not supported.")
    if header.components not in (1, 3, 4):
        raise UnsupportedScan("JPEG with this number of components is not supported.")
    pixels = decode_gray(data)
    if pixels.shape != (header.height, header.width):
        raise MalformedScan("The JPEG holds another size than its header says.")
    gray = _upright(pixels, exif_orientation(data))
    return Scan(pixels=gray, format="jpeg", size_bytes=len(data), bit_depth=header.bits, channels=header.components)


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo the turn that an EXIF orientation, 1 to 8, stands for."""
    if orientation >= 5:
        pixels = pixels.T
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _decode(data: bytes) -> NDArray[Any]:
    """(H, W) or (H, W, 3 or 4) blue, green, red, opacity; uint8 or uint16."""
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        picture = None
    if picture is None:
        raise MalformedScan("The picture cannot be decoded.")
    return picture


def _alpha(picture: NDArray[Any], transparent: bytes, bits: int) -> NDArray[np.float32] | None:
    """Opacity (H, W) in 0..1, or None where all is opaque. `transparent`: the tRNS chunk of a gray PNG."""
    if picture.ndim == 3 and picture.shape[2] == 4:
        alpha = np.asarray(picture[..., 3] / np.float32(np.iinfo(picture.dtype).max), np.float32)
        return None if (alpha == 1).all() else alpha
    if len(transparent) == 2:
        step = 255 // (2**bits - 1) if bits < 8 else 1  # samples under 8 bits come scaled to 0..255
        return np.asarray(picture != int.from_bytes(transparent, "big") * step, np.float32)
    return None
