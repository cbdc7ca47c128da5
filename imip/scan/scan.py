"""A decoded frame: the output of every reader and the input of every module."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Format = Literal["png", "jpeg", "dicom"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One frame of one file, in display range."""

    pixels: NDArray[np.uint8]  # (H, W) grayscale, display range 0..255, air is dark
    format: Format
    size_bytes: int
    bit_depth: int  # bits stored per sample in the file
    channels: int  # samples per pixel in the file (1 to 4); a palette counts as 3
    frame: int = 0  # index of the frame, 0-based
    frames: int = 1
    attributes: Mapping[str, str] = field(default_factory=dict)  # DICOM technical attributes: categories and numbers
    warnings: tuple[str, ...] = ()  # from imip.scan.dicom.attributes.WARNINGS
