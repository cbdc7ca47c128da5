"""Pictures with the look of T2 weighting, made from T1 and FLAIR of one slice: no source has T2 slices with masks.

In T2 fluid is brightest and white matter darker than gray: the reverse of T1. FLAIR adds the brightness of a lesion.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.brain import NO_TUMOR
from training.data.samples import Sample
from training.evidence.filling import fill

SYNTHETIC = "synthetic t2"  # sequence
AIR = 0.25  # of the brightness of ordinary tissue
CLOSED = 25  # pixels; dark parts up to this wide belong to the head


def synthetic_t2(samples: Sequence[Sample]) -> Iterator[Sample]:
    """Yield a slice with the look of T2 for each T1 slice that has a FLAIR slice beside it, or no tumor."""
    flair = {_place(sample, "flair"): sample for sample in samples}
    for sample in samples:
        if sample.origin is None or sample.origin.sequence != "t1":
            continue
        other = flair.get(_place(sample, "t1"))
        if other is not None and other.pixels.shape == sample.pixels.shape:
            look = t2_look(sample.pixels, other.pixels)
        elif sample.class_name == NO_TUMOR:
            look = t2_look(sample.pixels, None)
        else:
            continue
        yield replace(sample, pixels=look, origin=replace(sample.origin, sequence=SYNTHETIC))


def t2_look(t1: NDArray[np.uint8], flair: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Return a slice as T2 weighting might show it, of a T1 slice and FLAIR of the same place, all (H, W)."""
    tissue = _ordinary(t1)
    bright = (cv2.GaussianBlur(t1, (0, 0), 1.5) > AIR * tissue).astype(np.uint8)
    head = cv2.GaussianBlur(cv2.erode(fill(bright, CLOSED), np.ones((5, 5), np.uint8)).astype(np.float32), (0, 0), 1)
    fluid = np.clip(1.35 - t1 / tissue, 0, 1)
    if flair is not None:
        fluid = 0.8 * fluid + 0.22 * np.clip(flair / _ordinary(flair), 0, 3)
    return np.asarray(np.clip(255 * fluid * head, 0, 255), np.uint8)


def _ordinary(pixels: NDArray[np.uint8]) -> float:
    """Return the brightness of ordinary tissue: the median of the middle of the head."""
    rows, columns = np.nonzero(pixels > 0.15 * np.percentile(pixels, 99))
    if rows.size == 0:
        return 1.0
    (top, bottom), (left, right) = (
        np.percentile(rows, (20, 80)).astype(int),
        np.percentile(columns, (20, 80)).astype(int),
    )
    middle = pixels[top : bottom + 1, left : right + 1]
    return max(1.0, float(np.median(middle)))


def _place(sample: Sample, sequence: str) -> tuple[str, str] | None:
    if sample.origin is None or sample.origin.sequence != sequence:
        return None
    return str(sample.path.parent), sample.path.stem.partition("-")[2]
