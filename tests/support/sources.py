"""The folders of all sources of brain scans, with a few drawn heads each: lesions that `bright_network` recognises."""

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.bright_network import BRIGHTNESS
from tests.support.lesions import DISC, mask_of, slice_of_head
from training.data.samples import Sample
from training.data.split import Entry, Split

EACH = 5  # patients, or slices, of a source or class
PARTS: tuple[Split, ...] = ("train", "train", "train", "validation", "test")
SPOT = (60, 24, 4)  # a faint lesion that is no tumor
FAINT = 150


def draw_sources(root: Path) -> Path:
    """Draw sixty slices, most tumors with a mask, into the folders that each source has."""
    for name, bright in {**BRIGHTNESS, "notumor": None}.items():
        for number in range(EACH):
            place = Path("Training", name, f"{number:03d}")
            _draw(root / "brain-tumor-mri" / place.with_suffix(".jpg"), bright)
            if bright:
                _write(root / "brain-tumor-mri-masks" / place.with_suffix(".png"), mask_of(DISC) * np.uint8(255))
    for number in range(EACH):
        for site in ("DU", "HT"):
            patient = root / "lgg-mri" / f"TCGA_{site}_{number:04d}_19960909"
            for sequence in ("t1", "flair"):
                _draw(patient / f"{sequence}-01.jpg", BRIGHTNESS["glioma"])
            _write(patient / "mask-01.png", mask_of(DISC) * np.uint8(255))
            _draw(patient / "flair-02.jpg", None)
        _draw(root / "healthy-t1" / "axial" / f"{number}.jpg", None)
        _draw(root / "ms-ljubljana" / f"patient{number:02d}" / "flair-07.jpg", FAINT, SPOT)
    return root


def entries(samples: Sequence[Sample]) -> list[Entry]:
    """Divide them, each patient's together: of the five in each folder or source one is validated and one tested."""
    numbers: dict[str, int] = {}
    for sample in samples:
        numbers.setdefault(_patient(sample), len(numbers))
    divided = [(sample, *divmod(numbers[_patient(sample)], EACH)) for sample in samples]
    return [
        Entry(sample.digest, sample.class_name, 100 * member + folder, PARTS[member])
        for sample, folder, member in divided
    ]


def _patient(sample: Sample) -> str:
    assert sample.origin is not None
    return f"{sample.origin.source} {sample.origin.patient or sample.path}"


def _draw(path: Path, bright: int | None, lesion: Sequence[int] = DISC) -> None:
    _write(path, slice_of_head(crc32(str(path.parts[-3:]).encode()), lesion if bright else None, bright or 0))


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 98])
