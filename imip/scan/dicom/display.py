"""Convert one DICOM frame for display: look-up tables, VOI window, padding and photometric interpretation.

Order: modality LUT, VOI LUT or window, MONOCHROME1 inversion (PS3.4 N.2). A multi-frame object stores these per frame
or shared, in functional groups (PS3.3 C.7.6.16), which have precedence.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imip.errors import MalformedScan
from imip.scan.dicom.parser import Elements, find
from imip.scan.dicom.tags import Tag
from imip.scan.display import LookUpTable, Values, VoiWindow, full_range, stretch, to_gray

_MAX_VALUE = 1e12  # of slope, intercept and window, so that float32 arithmetic stays finite
_MIN_WINDOW_WIDTH = 1e-6  # narrower windows would be a division by almost zero


def functional_groups(elements: Elements, frame: int) -> list[Elements]:
    """Return the functional groups of `frame`, then the shared ones, then the data set of the file."""
    groups = (
        elements.item(Tag.PerFrameFunctionalGroupsSequence, frame),
        elements.item(Tag.SharedFunctionalGroupsSequence),
    )
    macros = (Tag.FrameVOILUTSequence, Tag.PixelValueTransformationSequence, Tag.PixelMeasuresSequence)
    items = [group.item(macro) for group in groups if group for macro in macros]
    return [*filter(None, items), elements]


def show_color(stored: NDArray[Any], photometric: str, bits: int) -> NDArray[np.uint8]:
    """Convert (H, W, 3) RGB or YBR_FULL to (H, W), 0..255. `bits`: stored per sample."""
    if photometric.startswith("YBR_FULL"):
        gray = stored[..., 0]  # Y is the luma
    else:
        gray = to_gray(stored if stored.dtype in (np.uint8, np.uint16) else stored.astype(np.float32))
    if bits == 8 and gray.dtype == np.uint8:
        return np.ascontiguousarray(gray)
    return full_range(gray.astype(np.float32), bits) if bits < 8 else stretch(gray.astype(np.float32))


def show_palette(stored: NDArray[Any], elements: Elements, signed: bool) -> NDArray[np.uint8]:
    """Convert (H, W) palette indices (PS3.3 C.7.9) to (H, W), 0..255. Raises MalformedScan."""
    colors = (
        (Tag.RedPaletteColorLookupTableDescriptor, Tag.RedPaletteColorLookupTableData),
        (Tag.GreenPaletteColorLookupTableDescriptor, Tag.GreenPaletteColorLookupTableData),
        (Tag.BluePaletteColorLookupTableDescriptor, Tag.BluePaletteColorLookupTableData),
    )
    planes = [_table(elements, descriptor, data, signed).display(stored) for descriptor, data in colors]
    return to_gray(np.stack(planes, axis=-1))


def show_monochrome(
    stored: NDArray[Any], data_sets: Sequence[Elements], *, bits: int, signed: bool, inverted: bool
) -> NDArray[np.uint8]:
    """Convert (H, W) stored values to (H, W), 0..255; padding (PS3.3 C.7.5.1.1.2) becomes 0. Raises MalformedScan."""
    padding = _padding(stored, data_sets[-1], signed)
    values: NDArray[Any] = _modality(stored, data_sets, signed)
    if values.dtype.kind == "f":
        absent = ~(np.abs(values) <= 1e30)  # also true for NaN
        if absent.any():
            padding = absent if padding is None else padding | absent
            values = np.where(absent, 0, values)
    pixels = _voi(values, data_sets, signed)
    if pixels is None and values is stored and bits <= 8 and not signed:
        pixels = full_range(_as_float(values), bits)
    if pixels is None:
        pixels = stretch(_as_float(values), None if padding is None else ~padding)
    if inverted:
        pixels = np.invert(pixels)
    if padding is not None:
        pixels[padding] = 0
    return pixels


def _padding(stored: NDArray[Any], elements: Elements, signed: bool) -> NDArray[np.bool_] | None:
    value = elements.integers(Tag.PixelPaddingValue, signed)
    if not value:
        return None
    limit = elements.integers(Tag.PixelPaddingRangeLimit, signed) or value
    low, high = sorted((value[0], limit[0]))
    padding = (stored >= low) & (stored <= high)
    return padding if padding.any() else None


def _modality(stored: NDArray[Any], data_sets: Sequence[Elements], signed: bool) -> NDArray[Any]:
    """Apply the modality LUT or rescale (PS3.3 C.11.1). Return `stored` itself if neither changes anything."""
    if item := data_sets[-1].item(Tag.ModalityLUTSequence):
        return _table(item, Tag.LUTDescriptor, Tag.LUTData, signed).apply(stored)
    data_set = find(data_sets, Tag.RescaleSlope)
    if data_set is None:
        return stored
    slope = (data_set.decimals(Tag.RescaleSlope) or (1.0,))[0]
    intercept = (data_set.decimals(Tag.RescaleIntercept) or (0.0,))[0]
    if max(abs(slope), abs(intercept)) > _MAX_VALUE:
        raise MalformedScan("The rescale slope or intercept is implausible.")
    if (slope, intercept) == (1.0, 0.0):
        return stored
    return _as_float(stored) * slope + intercept


def _voi(values: NDArray[Any], data_sets: Sequence[Elements], signed: bool) -> NDArray[np.uint8] | None:
    """Apply the VOI LUT or the first window (PS3.3 C.11.2). Return 0..255, or None if there is neither."""
    tables = find(data_sets, Tag.VOILUTSequence)
    if item := tables and tables.item(Tag.VOILUTSequence):
        return _table(item, Tag.LUTDescriptor, Tag.LUTData, signed).display(values)
    data_set = find(data_sets, Tag.WindowCenter)
    if data_set is None:
        return None
    center, width = data_set.decimals(Tag.WindowCenter), data_set.decimals(Tag.WindowWidth)
    if not center or not width or not _MIN_WINDOW_WIDTH <= width[0] <= _MAX_VALUE or abs(center[0]) > _MAX_VALUE:
        return None
    window = VoiWindow(center[0], width[0], _function(data_set.text(Tag.VOILUTFunction)))
    return window.apply(_as_float(values))


def _function(text: str) -> Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]:
    if text == "LINEAR_EXACT":
        return "LINEAR_EXACT"
    return "SIGMOID" if text == "SIGMOID" else "LINEAR"


def _as_float(values: NDArray[Any]) -> Values:
    """Convert to float32 if that is exact (up to 16 bits), because it needs half the memory of float64."""
    if values.dtype.itemsize <= 2 or values.dtype == np.float32:
        return values.astype(np.float32, copy=False)
    return values.astype(np.float64, copy=False)


def _table(elements: Elements, descriptor: Tag, data: Tag, signed: bool) -> LookUpTable:
    """Read a LUT (PS3.3 C.11.1.1.1 or C.7.6.3.1.5). Raises MalformedScan."""
    unsigned = elements.integers(descriptor)
    if len(unsigned) != 3 or not 8 <= unsigned[2] <= 16:
        raise MalformedScan("A look-up table has no valid descriptor.")
    count = unsigned[0] or 2**16
    first = elements.integers(descriptor, signed)[1]
    raw = elements.value(data)
    if len(raw) >= 2 * count:
        entries = np.frombuffer(raw, "<u2" if elements.walker.little else ">u2", count)
    elif unsigned[2] == 8 and len(raw) >= count:
        entries = np.frombuffer(raw, np.uint8, count)
    else:
        raise MalformedScan("A look-up table is shorter than its descriptor says.")
    return LookUpTable(first, entries.astype(np.uint16), unsigned[2])
