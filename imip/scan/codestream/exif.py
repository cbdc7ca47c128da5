"""How a camera or an archive says that a JPEG is to be turned (Exif 2.32, tag Orientation)."""

import struct

from imip.scan.codestream.jpeg import SOS, segments

_APP1 = 0xE1
_ORIENTATION = 0x0112  # TIFF tag


def exif_orientation(data: bytes) -> int:
    """How a JPEG that `read_jpeg` accepts is turned: 1 to 8, and 1 where it does not say."""
    for marker, start, end in segments(data):
        if marker == SOS:
            break
        if marker == _APP1 and data.startswith(b"Exif\0\0", start + 4):
            return _tiff_orientation(data[start + 10 : end])
    return 1


def _tiff_orientation(tiff: bytes) -> int:
    """The tag Orientation of the first directory; 1 where it is missing or damaged."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4], "")
    if not order:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:  # an offset or a count passes the end
        pass
    return 1
