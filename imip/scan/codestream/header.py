"""What all codestream headers have in common."""

from dataclasses import dataclass

MAX_SEGMENTS = 20_000  # chunks or marker segments: thousands are plausible, millions only waste time


@dataclass(frozen=True, slots=True)
class Codestream:
    """What one compressed picture declares. `coding`: PNG colour type, JPEG SOF marker, or 0 for JPEG 2000."""

    width: int
    height: int
    components: int
    bits: int
    coding: int
