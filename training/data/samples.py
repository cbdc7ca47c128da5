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
class Sample:
    """One labelled file: its class by its folder, its bytes by their SHA-256, its slice as uint8 (H, W)."""

    path: Path
    digest: str
    class_name: str
    pixels: NDArray[np.uint8]
    data: bytes  # of the file


def find_files(root: Path, folders: Mapping[str, str]) -> list[tuple[Path, str]]:
    """Return every file below a folder whose name is known (at any depth) with its class, in a stable order.

    `folders`: class by the folder's `plain` name. Raises FileNotFoundError, naming the folders, if there is no such
    file.
    """
    found = [
        (path, folders[plain(path.parent.name)])
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
    root: Path,
    folders: Mapping[str, str],
    track: Callable[[Iterable[tuple[Path, str]]], Iterable[tuple[Path, str]]] = iter,
) -> tuple[list[Sample], int]:
    """Read all labelled scans below a folder; return them and how many files could not be read.

    `track` wraps the loop to show progress.
    """
    samples, unreadable = [], 0
    for path, class_name in track(find_files(root, folders)):
        data = path.read_bytes()
        try:
            pixels = read_scan(data).pixels
        except ScanError:
            unreadable += 1
            continue
        samples.append(Sample(path, hashlib.sha256(data).hexdigest(), class_name, _reduce(pixels), data))
    return samples, unreadable


def _reduce(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = LONGEST_SIDE / max(pixels.shape)
    if scale >= 1:
        return pixels
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
