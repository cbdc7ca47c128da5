"""Labelled scans from folders: one folder a class, read through the serving path and kept as decoded slices."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.errors import ScanError
from imip.scan.read import read_scan

LONGEST_SIDE = 256  # pixels; larger slices are reduced once, so that a data set fits in memory


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a slice comes from, as far as its source says."""

    source: str  # who published it; what can be left out whole
    patient: str | None = None
    sequence: str | None = None  # t1, t1c, t2 or flair
    plane: str | None = None  # axial, coronal or sagittal


@dataclass(frozen=True, slots=True)
class Found:
    """A labelled file, not yet read."""

    path: Path
    class_name: str
    origin: Origin | None = None
    mask: Path | None = None  # of its lesion


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled file: its class by its folder, its bytes by their SHA-256, its slice as uint8 (H, W)."""

    path: Path
    digest: str
    class_name: str
    pixels: NDArray[np.uint8]
    data: bytes  # of the file
    origin: Origin | None = None
    lesion: NDArray[np.bool_] | None = None  # (H, W) where it is; None where nobody drew one

    @property
    def source(self) -> str | None:
        """Who published it, if that is known."""
        return None if self.origin is None else self.origin.source


def find_files(root: Path, folders: Mapping[str, str]) -> list[Found]:
    """Return every file below a folder whose name is known (at any depth) with its class, in a stable order.

    `folders`: class by the folder's `plain` name. Raises FileNotFoundError, naming the folders, if there is no such
    file.
    """
    found = [
        Found(path, folders[plain(path.parent.name)])
        for path in sorted(root.rglob("*"))
        if path.is_file() and plain(path.parent.name) in folders
    ]
    if not found:
        raise FileNotFoundError(f"no labelled scans: expected folders named {', '.join(sorted(folders))}")
    return found


def plain(name: str) -> str:
    """Return a folder's name as it is compared: in lower case, its words separated by _."""
    return name.lower().replace(" ", "_").replace("-", "_")


def load(
    files: Iterable[Found], track: Callable[[Iterable[Found]], Iterable[Found]] = iter
) -> tuple[list[Sample], int]:
    """Read labelled scans; return them and how many files could not be read.

    `track` wraps the loop to show progress. Raises OSError if a mask is no picture.
    """
    samples, unreadable = [], 0
    for found in track(files):
        data = found.path.read_bytes()
        try:
            pixels = _reduce(read_scan(data).pixels)
        except ScanError:
            unreadable += 1
            continue
        lesion = None if found.mask is None else _read_mask(found.mask, pixels.shape)
        digest = hashlib.sha256(data).hexdigest()
        samples.append(Sample(found.path, digest, found.class_name, pixels, data, found.origin, lesion))
    return samples, unreadable


def _reduce(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = LONGEST_SIDE / max(pixels.shape)
    if scale >= 1:
        return pixels
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _read_mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return where a lesion is, at the size of its slice; None if the mask is empty: its lesion was not drawn."""
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise OSError(f"no mask can be read from {path.name}")
    lesion = np.asarray(cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_AREA) > 127, np.bool_)
    return lesion if lesion.any() else None
