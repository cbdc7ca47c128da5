"""Read one frame of a DICOM file for display. Only elements in `tags.py` are read, and few attributes are kept."""

import zlib
from typing import Literal

from pydicom import uid
from pydicom.config import IGNORE

from imip.errors import FrameOutOfRange, MalformedScan, ScanTooLarge, UnsupportedScan
from imip.scan.dicom.attributes import annotation_warnings, technical_attributes
from imip.scan.dicom.display import functional_groups, show_color, show_monochrome, show_palette
from imip.scan.dicom.parser import Elements, is_explicit, read_elements
from imip.scan.dicom.pixels import SYNTAXES, decode_frame, pixel_element, read_layout
from imip.scan.dicom.tags import Tag
from imip.scan.limits import Limits
from imip.scan.scan import Scan

_INFLATE_STEP = 2**20  # bytes


def decode_dicom(data: bytes, *, frame: int | None, limits: Limits, burned_in: Literal["refuse", "warn"]) -> Scan:
    """Decode one frame for display. Raises a ScanError."""
    elements, syntax = _open(data, limits)
    if Tag.Rows not in elements or pixel_element(elements) is None:
        raise UnsupportedScan("This DICOM object holds no image.")
    annotations = annotation_warnings(elements, burned_in)
    layout = read_layout(elements, limits)
    chosen = layout.frames // 2 if frame is None else frame
    if not 0 <= chosen < layout.frames:
        raise FrameOutOfRange(f"Frame {chosen} was asked for; the scan has {layout.frames}, counted from 0.")
    stored, photometric = decode_frame(elements, syntax, layout, chosen)
    data_sets = functional_groups(elements, chosen)
    if layout.samples == 3:
        pixels = show_color(stored, photometric, layout.stored)
    elif layout.photometric == "PALETTE COLOR":
        pixels = show_palette(stored, elements, layout.signed)
    else:
        pixels = show_monochrome(
            stored, data_sets, bits=layout.stored, signed=layout.signed, inverted=photometric == "MONOCHROME1"
        )
    return Scan(
        pixels=pixels,
        format="dicom",
        size_bytes=len(data),
        bit_depth=layout.stored,
        channels=3 if layout.photometric == "PALETTE COLOR" else layout.samples,
        frame=chosen,
        frames=layout.frames,
        attributes=technical_attributes(data_sets),
        warnings=annotations,
    )


def _open(data: bytes, limits: Limits) -> tuple[Elements, uid.UID]:
    """Return the allowed elements of the data set and its transfer syntax."""
    position = 132 if data[128:132] == b"DICM" else 0
    meta = read_elements(data, position, explicit=True, little=True, group=0x0002)
    syntax = uid.UID(
        meta.text(Tag.TransferSyntaxUID), validation_mode=IGNORE
    )  # the warning of pydicom would quote the value
    position = meta.next_position
    if syntax == uid.DeflatedExplicitVRLittleEndian:
        data, position = _inflate(data[position:], limits.inflated_bytes), 0
    if not syntax:  # without file meta information the first element decides between the native syntaxes
        syntax = uid.ExplicitVRBigEndian if data[position : position + 1] == b"\0" else uid.ExplicitVRLittleEndian
    if syntax not in SYNTAXES:
        name = syntax.name if syntax.type == "Transfer Syntax" else "unknown"  # only registered UIDs have a type
        raise UnsupportedScan(f"The transfer syntax is not supported: {name}.")
    # Some writers declare explicit VR in the meta information and write implicit VR, or the reverse.
    explicit = is_explicit(data, position)
    return read_elements(data, position, explicit=explicit, little=syntax != uid.ExplicitVRBigEndian), syntax


def _inflate(deflated: bytes, limit: int) -> bytes:
    """Inflate raw deflate data (PS3.5 A.5), at most `limit` bytes. Raises ScanTooLarge, MalformedScan."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    size = 0
    while not inflater.eof:
        try:
            part = inflater.decompress(deflated, _INFLATE_STEP)
        except zlib.error:
            raise MalformedScan("The deflated data set is damaged.") from None
        size += len(part)
        if size > limit:
            raise ScanTooLarge(f"The data set is larger than {limit} bytes after inflation.")
        deflated = inflater.unconsumed_tail
        if not part and not deflated and not inflater.eof:
            raise MalformedScan("The deflated data set is truncated.")
        parts.append(part)
    return b"".join(parts)
