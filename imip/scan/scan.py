"""One frame of one file, decoded: what every reader returns and every module takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Format = Literal["png", "jpeg", "dicom"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One frame of one file, ready to look at."""

    pixels: NDArray[np.uint8]  # (H, W) grayscale, display range 0..255, air dark
    format: Format
    size_bytes: int
    bit_depth: int  # bits stored per sample in the file
    channels: int  # samples per pixel in the file (1 to 4); a palette counts as 3
    frame: int = 0  # 0-based, of the frame used
    frames: int = 1
    attributes: Mapping[str, str] = field(default_factory=dict)  # of DICOM: technical, categories and numbers
    warnings: tuple[str, ...] = ()  # of imip.scan.dicom.attributes.WARNINGS
