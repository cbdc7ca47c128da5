"""Parse the DICOM data elements of an allowlist and skip all others without reading their values (PS3.5 section 7).

Why not `pydicom.dcmread`: it recurses into sequences, converts values of any length, also of elements that only pydicom
needs, and quotes values in warnings and logs. This parser skips every other element in one step, does not recurse,
limits the number of steps, and its errors contain no byte of the file. pydicom still decodes the pixels.
"""

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from imip.errors import MalformedScan
from imip.scan.dicom.tags import Tag

MAX_STEPS = 500_000  # headers read from one file, about 1 s; enhanced MR has up to 250 per frame
_MAX_TEXT_BYTES = 1024  # of a value that is read as text or numbers
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT_VRS = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT"}
    | {b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"}
)
_VRS = _LONG_VRS | _SHORT_VRS

_ALLOWED = frozenset(int(tag) for tag in Tag)
PIXEL_TAGS = frozenset({int(Tag.FloatPixelData), int(Tag.DoubleFloatPixelData), int(Tag.PixelData)})


def looks_like_dicom(data: bytes) -> bool:
    """Return whether there is a preamble (PS3.10 section 7.1) or a plausible first element of group 0002 or 0008."""
    if data[128:132] == b"DICM":
        return True
    if len(data) < 8:
        return False
    if data[:2] in (b"\x02\x00", b"\x08\x00"):
        length = int.from_bytes(data[4:8], "little")
        return data[3] == 0 and (is_explicit(data) or length <= min(len(data), 0xFFFF))
    return data[:3] == b"\x00\x08\x00" and is_explicit(data)


def is_explicit(data: bytes, position: int = 0) -> bool:
    """Return whether the element at `position` has an explicit value representation."""
    return data[position + 4 : position + 6] in _VRS


class _Header(NamedTuple):
    tag: int
    vr: bytes  # b"" if implicit
    start: int  # of the value
    length: int


@dataclass(slots=True)
class _Walker:
    """Reads and counts headers of elements and items."""

    data: bytes
    little: bool
    steps: int = 0

    def header(self, position: int, explicit: bool) -> _Header:
        """Read the element or item header at `position`. Raises MalformedScan."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise MalformedScan("The data set has too many elements.")
        if position + 8 > len(self.data):
            raise MalformedScan("The data set is truncated.")
        order = "<" if self.little else ">"
        group, element, length = struct.unpack_from(f"{order}HHI", self.data, position)
        tag = group << 16 | element
        # Some writers omit the VR of an element in an explicit data set; such an element is read as implicit.
        if group == 0xFFFE or not explicit or not is_explicit(self.data, position):
            return _Header(tag, b"", position + 8, length)
        vr = self.data[position + 4 : position + 6]
        if vr not in _LONG_VRS:
            return _Header(tag, vr, position + 8, struct.unpack_from(f"{order}H", self.data, position + 6)[0])
        if position + 12 > len(self.data):
            raise MalformedScan("The data set is truncated.")
        return _Header(tag, vr, position + 12, struct.unpack_from(f"{order}I", self.data, position + 8)[0])

    def end(self, header: _Header, explicit: bool) -> tuple[int, int]:
        """Return the end of the value and the position of the next header. Raises MalformedScan."""
        if header.length != _UNDEFINED:
            end = header.start + header.length
            if end > len(self.data):
                raise MalformedScan("An element is longer than the data set.")
            return end, end
        # Elements of undefined length nest; walk them with a stack of (inside an item?, explicit?).
        stack = [(header.tag == _ITEM, explicit and header.vr != b"UN")]
        position = header.start
        while True:
            in_item, explicit = stack[-1]
            inner = self.header(position, explicit)
            if inner.tag == (_ITEM_END if in_item else _SEQUENCE_END):
                stack.pop()
                if not stack:
                    return position, inner.start
                position = inner.start
            elif in_item == (inner.tag == _ITEM):
                raise MalformedScan("The nesting of the data set is inconsistent.")
            elif inner.length == _UNDEFINED:
                stack.append((not in_item, explicit and inner.vr != b"UN"))  # UN holds implicit VR: PS3.5 6.2.2
                position = inner.start
            else:
                position, _ = self.end(inner, explicit)


class _Value(NamedTuple):
    vr: bytes  # b"" if implicit
    start: int
    end: int
    undefined_length: bool


_ABSENT = _Value(b"", 0, 0, undefined_length=False)


@dataclass(frozen=True, slots=True)
class Elements:
    """The allowed elements of one data set or item. Absent or empty elements are read as None, "" or ()."""

    walker: _Walker
    explicit: bool
    found: dict[int, _Value]  # by tag
    next_position: int  # after the last element read

    def __contains__(self, tag: Tag) -> bool:
        return tag in self.found

    def vr(self, tag: Tag) -> str:
        """Return the value representation, "" if it is implicit."""
        return self.found.get(tag, _ABSENT).vr.decode("ascii")

    def has_undefined_length(self, tag: Tag) -> bool:
        """Return whether the length is undefined; pixel data is then encapsulated (PS3.5 A.4)."""
        return self.found.get(tag, _ABSENT).undefined_length

    def value(self, tag: Tag) -> memoryview:
        """Return the raw value without copying it, empty if absent."""
        value = self.found.get(tag, _ABSENT)
        return memoryview(self.walker.data)[value.start : value.end]

    def text(self, tag: Tag) -> str:
        """Return a text value without its padding, "" if it is too long."""
        value = self.value(tag)
        if len(value) > _MAX_TEXT_BYTES:
            return ""
        return bytes(value).decode("ascii", "replace").strip(" \0")

    def decimals(self, tag: Tag) -> tuple[float, ...]:
        """Return the values of a DS or IS. Raises MalformedScan if one is not a finite number."""
        text = self.text(tag)
        try:
            values = tuple(float(part) for part in text.split("\\")) if text else ()
        except ValueError:
            raise MalformedScan(f"{tag.name} is not a number.") from None
        if not all(map(math.isfinite, values)):
            raise MalformedScan(f"{tag.name} is not a finite number.")
        return values

    def integers(self, tag: Tag, signed: bool = False) -> tuple[int, ...]:
        """Return the values of a US or SS."""
        data = self.value(tag)[:_MAX_TEXT_BYTES]
        code = "h" if signed else "H"
        return struct.unpack(f"{'<' if self.walker.little else '>'}{len(data) // 2}{code}", data[: len(data) // 2 * 2])

    def item(self, tag: Tag, index: int = 0) -> "Elements | None":
        """Return one item of a sequence, None if it does not exist. Raises MalformedScan."""
        vr, position, end, _ = self.found.get(tag, _ABSENT)
        explicit = self.explicit and vr != b"UN"
        while position < end:
            header = self.walker.header(position, explicit)
            if header.tag != _ITEM:
                raise MalformedScan("The nesting of the data set is inconsistent.")
            item_end, position = self.walker.end(header, explicit)
            if index == 0:
                return _read(self.walker, explicit, header.start, item_end)
            index -= 1
        return None


def read_elements(data: bytes, position: int, *, explicit: bool, little: bool, group: int | None = None) -> Elements:
    """Read the allowed elements from `position` up to the pixel data, or only those of `group`.

    Raises MalformedScan.
    """
    return _read(_Walker(data, little), explicit, position, len(data), group)


def _read(walker: _Walker, explicit: bool, position: int, stop: int, group: int | None = None) -> Elements:
    found: dict[int, _Value] = {}
    while position < stop:
        header = walker.header(position, explicit)
        if group is not None and header.tag >> 16 != group:
            break
        end, position = walker.end(header, explicit)
        if header.tag in _ALLOWED:
            found.setdefault(header.tag, _Value(header.vr, header.start, end, header.length == _UNDEFINED))
            if header.tag in PIXEL_TAGS:
                break
    return Elements(walker, explicit, found, position)


def find(data_sets: Iterable[Elements], tag: Tag) -> Elements | None:
    """Return the first data set that contains `tag`."""
    return next((data_set for data_set in data_sets if tag in data_set), None)
