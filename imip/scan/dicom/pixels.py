"""One frame of DICOM pixel data, decoded to stored values.

Everything a decoder will trust (sizes, depths, lengths, the codestream's own header) is checked here before
one runs, since a crash in native code is the worst outcome. Decoders: pydicom for native pixel data, our
bounded one for RLE, Pillow for 8-bit JPEG and for JPEG 2000, GDCM for lossless JPEG, JPEG-LS and deep colour
JPEG 2000; none for 12-bit JPEG. Pillow and GDCM fill in what a damaged JPEG lacks, so `imip.scan.jpeg` checks it.
"""

import logging
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import get_decoder

from imip.errors import MalformedScan, UnsupportedScan
from imip.scan.codestream.jpeg import SOF_HUFFMAN, SOF_JPEG_LS, SOF_LOSSLESS, bare_jpeg, read_jpeg
from imip.scan.codestream.jpeg2000 import read_jpeg2000
from imip.scan.dicom.parser import Elements
from imip.scan.dicom.rle import decode_rle
from imip.scan.dicom.tags import Tag
from imip.scan.jpeg import check_lossless, decode_gray
from imip.scan.limits import Limits

# pydicom reports oddities by logging and warning; ours is to answer for the file, and its text stays inside.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module=r"pydicom\.")

_NATIVE = {
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
}
_JPEG = {
    uid.JPEGBaseline8Bit: SOF_HUFFMAN,
    uid.JPEGExtended12Bit: SOF_HUFFMAN,
    uid.JPEGLossless: SOF_LOSSLESS,
    uid.JPEGLosslessSV1: SOF_LOSSLESS,
    uid.JPEGLSLossless: SOF_JPEG_LS,
    uid.JPEGLSNearLossless: SOF_JPEG_LS,
}
_JPEG2000 = {uid.JPEG2000Lossless, uid.JPEG2000}
SYNTAXES = frozenset(_NATIVE | _JPEG.keys() | _JPEG2000 | {uid.RLELossless})
_COLOR = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}
_GRAY = {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The Image Pixel module (PS3.3 C.7.6.3), checked."""

    rows: int
    columns: int
    samples: int
    allocated: int  # bits
    stored: int  # bits
    signed: bool
    photometric: str
    planar: int
    frames: int
    source: Tag  # the element that holds the pixels


def pixel_element(elements: Elements) -> Tag | None:
    sources = (Tag.PixelData, Tag.FloatPixelData, Tag.DoubleFloatPixelData)
    return next((tag for tag in sources if tag in elements), None)


def read_layout(elements: Elements, limits: Limits) -> Layout:
    """Raises MalformedScan, ScanTooLarge, UnsupportedScan."""
    source = pixel_element(elements) or Tag.PixelData
    depth = {Tag.FloatPixelData: 32, Tag.DoubleFloatPixelData: 64}.get(source)
    rows, columns = _integer(elements, Tag.Rows), _integer(elements, Tag.Columns)
    samples = _integer(elements, Tag.SamplesPerPixel, 1)
    allocated = depth or _integer(elements, Tag.BitsAllocated)
    stored = depth or _integer(elements, Tag.BitsStored, allocated)
    planar = _integer(elements, Tag.PlanarConfiguration, 0)
    representation = _integer(elements, Tag.PixelRepresentation, 0)
    frames = elements.decimals(Tag.NumberOfFrames) or (1.0,)
    photometric = elements.text(Tag.PhotometricInterpretation) or ("MONOCHROME2" if samples == 1 else "RGB")
    if not rows or not columns or frames[0] < 1 or frames[0] % 1:
        raise MalformedScan("Rows, Columns or NumberOfFrames is invalid.")
    limits.check_frames(int(frames[0]))
    if photometric not in (_GRAY if samples == 1 else _COLOR if samples == 3 else ()):
        raise UnsupportedScan("This photometric interpretation or number of samples per pixel is not supported.")
    if allocated not in ((depth,) if depth else (1, 8, 16, 32)) or not 1 <= stored <= allocated:
        raise UnsupportedScan("This number of bits per sample is not supported.")
    limits.check_picture(columns, rows, samples * -(-allocated // 8))
    if not depth and _integer(elements, Tag.HighBit, stored - 1) != stored - 1:
        raise UnsupportedScan("Samples that do not start at the lowest bit are not supported.")
    if planar > 1 or representation > 1:
        raise MalformedScan("PlanarConfiguration or PixelRepresentation is invalid.")
    return Layout(
        rows, columns, samples, allocated, stored, bool(representation), photometric, planar, int(frames[0]), source
    )


def _integer(elements: Elements, tag: Tag, default: int | None = None) -> int:
    values = elements.integers(tag)
    if values:
        return values[0]
    if default is None:
        raise MalformedScan(f"{tag.name} is missing.")
    return default


def decode_frame(elements: Elements, syntax: uid.UID, layout: Layout, frame: int) -> tuple[NDArray[Any], str]:
    """Stored values of one frame, (H, W) or (H, W, 3), and their photometric interpretation."""
    if elements.has_undefined_length(layout.source) == (syntax in _NATIVE):
        raise MalformedScan("The pixel data is not encoded as its transfer syntax demands.")
    if syntax in _NATIVE:
        return _decode_native(elements, syntax, layout, frame)
    codestream = _frame_of(elements, layout, frame)
    if syntax == uid.RLELossless:
        return _decode_rle(codestream, layout), layout.photometric
    plugin = _check_codestream(codestream, syntax, layout)
    if _JPEG.get(syntax) == SOF_LOSSLESS:
        codestream = bare_jpeg(codestream)
        check_lossless(codestream)
    elif _JPEG.get(syntax) == SOF_HUFFMAN:
        decode_gray(codestream)  # raises where Pillow would fill in
    return _run_decoder(syntax, encapsulate([codestream]), layout, 0, plugin, number_of_frames=1)


def _decode_native(elements: Elements, syntax: uid.UID, layout: Layout, frame: int) -> tuple[NDArray[Any], str]:
    value = elements.value(layout.source)
    bits = layout.rows * layout.columns * layout.samples * layout.allocated * layout.frames
    if layout.photometric == "YBR_FULL_422":
        bits = bits // 3 * 2  # PS3.3 C.7.6.3.1.2: two chroma samples for two pixels
    expected = -(-bits // 8)
    if len(value) < expected:
        raise MalformedScan(f"The pixel data has {len(value)} bytes; {expected} are needed.")
    vr = elements.vr(layout.source) or "OW"
    return _run_decoder(
        syntax, value[: expected + expected % 2], layout, frame, "", number_of_frames=layout.frames, pixel_vr=vr
    )


def _frame_of(elements: Elements, layout: Layout, frame: int) -> bytes:
    """The fragments of one frame (PS3.5 A.4), joined."""
    offsets = (bytes(elements.value(Tag.ExtendedOffsetTable)), bytes(elements.value(Tag.ExtendedOffsetTableLengths)))
    try:
        return get_frame(
            bytes(elements.value(layout.source)),
            frame,
            number_of_frames=layout.frames,
            extended_offsets=offsets if all(offsets) else None,
        )
    except Exception:  # noqa: BLE001 - pydicom documents none; whatever its cause, the file is at fault
        raise MalformedScan("The fragments of the pixel data are inconsistent.") from None


def _decode_rle(codestream: bytes, layout: Layout) -> NDArray[Any]:
    if layout.allocated % 8:
        raise UnsupportedScan("RLE of single bits is not supported.")
    planes = decode_rle(codestream, layout.rows, layout.columns, layout.samples, layout.allocated // 8)
    kind = "i" if layout.signed else "u"
    values = planes.copy().view(f">{kind}{layout.allocated // 8}")[..., 0].astype(f"={kind}{layout.allocated // 8}")
    return values[0] if layout.samples == 1 else np.moveaxis(values, 0, -1)


def _check_codestream(codestream: bytes, syntax: uid.UID, layout: Layout) -> Literal["pillow", "gdcm"]:
    """Refuse a codestream that contradicts the data set; otherwise name its decoder.

    Raises MalformedScan, UnsupportedScan.
    """
    is_jpeg2000 = syntax in _JPEG2000
    header = read_jpeg2000(codestream) if is_jpeg2000 else read_jpeg(codestream, _JPEG[syntax])
    if header.coding in SOF_LOSSLESS and max(header.components, layout.samples) > 1:
        # GDCM lets a C++ exception out for some of these (an Adobe marker is enough), which ends the process.
        raise UnsupportedScan("Lossless JPEG is supported in grayscale only.")
    if (header.width, header.height, header.components) != (layout.columns, layout.rows, layout.samples):
        raise MalformedScan("The compressed picture has another size than the data set says.")
    if header.bits > layout.allocated or layout.allocated not in (8, 16):
        raise MalformedScan("The compressed picture has another depth than the data set says.")
    if is_jpeg2000:
        return "gdcm" if header.components > 1 and header.bits > 8 else "pillow"
    if header.coding not in SOF_HUFFMAN:
        return "gdcm"
    if header.bits != 8 or layout.stored != 8:
        raise UnsupportedScan("JPEG of more than 8 bits per sample is not supported, but for the lossless kinds.")
    return "pillow"


def _run_decoder(
    syntax: uid.UID, source: bytes | memoryview, layout: Layout, frame: int, plugin: str, **more: Any
) -> tuple[NDArray[Any], str]:
    """pydicom's decoder for `syntax`; nothing of a data set but the checked numbers goes in."""
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.stored,
        "pixel_representation": int(layout.signed),
        "photometric_interpretation": layout.photometric,
        "planar_configuration": layout.planar,
        "pixel_keyword": layout.source.name,
    }
    try:
        pixels, properties = get_decoder(syntax).as_array(
            source, index=frame, raw=True, decoding_plugin=plugin, **options, **more
        )
    except Exception:  # noqa: BLE001 - decoders raise whatever they like; whatever the cause, the file is at fault
        raise MalformedScan("The pixel data cannot be decoded.") from None
    if pixels.shape[:2] != (layout.rows, layout.columns):
        raise MalformedScan("The pixel data has another size than the data set says.")
    return pixels, str(properties["photometric_interpretation"])
