"""The brain scans of several sources: who published a slice, of which patient, in which sequence and plane, with masks.

A source is what can be left out whole, to see how a model does in a hospital that it never saw. Files that are of none
of these are labelled by the names of their folders and have no origin.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from training.data.samples import Found, Origin, Sample, find_files

FIRST_SET: Final = "brain-tumor-mri"  # the Brain Tumor MRI Dataset
SOURCES: Final = (FIRST_SET, "lgg-du", "lgg-ht", "healthy-t1", "ms-ljubljana")
NO_TUMOR: Final = "notumor"
TUMORS: Final = ("glioma", "meningioma", "pituitary")
PLANES: Final = ("axial", "coronal", "sagittal")
SLICE: Final = re.compile(r"(t1w?|t1c|flair|t2w?)-.*\.jpg")
SEQUENCES: Final = {"t1w": "t1", "t2w": "t2"}  # where two sources name one sequence differently


def find(root: Path, folders: Mapping[str, str]) -> list[Found]:
    """Return every labelled file below a folder, in a stable order. `folders`: class by the name of its folder.

    Raises FileNotFoundError if there is none.
    """
    known = [*_first_set(root, folders), *_lgg(root), *_healthy(root), *_sclerosis(root)]
    return known or find_files(root, folders)


def is_left_out(sample: Sample, source: str) -> bool:
    """Return whether a slice is kept from training when a source is left out: of the first set its tumors alone.

    Its other slices come from other hospitals than its tumors.
    """
    return sample.source == source and (source != FIRST_SET or sample.class_name in TUMORS)


def _first_set(root: Path, folders: Mapping[str, str]) -> Iterator[Found]:
    """Yield the Brain Tumor MRI Dataset: its tumors are T1 after contrast, its other slices of many sequences."""
    folder = _folder(root, FIRST_SET)
    for file in find_files(folder, folders) if folder else ():
        assert folder is not None
        mask = folder.with_name(f"{FIRST_SET}-masks") / file.path.relative_to(folder).with_suffix(".png")
        origin = Origin(FIRST_SET, sequence="t1c" if file.class_name in TUMORS else None)
        yield Found(file.path, file.class_name, origin, mask if mask.exists() else None)


def _lgg(root: Path) -> Iterator[Found]:
    """Yield TCGA-LGG, lower grade gliomas: a slice without a mask has no tumor."""
    for path in _slices(_folder(root, "lgg-mri")):
        _, site, patient, _ = path.parent.name.split("_")
        origin = Origin(f"lgg-{site.lower()}", f"{site}-{patient}", _sequence(path), "axial")
        mask = path.with_name(f"mask-{path.stem.rpartition('-')[2]}.png")
        yield Found(path, "glioma", origin, mask) if mask.exists() else Found(path, NO_TUMOR, origin)


def _healthy(root: Path) -> Iterator[Found]:
    """Yield the slices of BRISC without a tumor; of many subjects, but their files do not say which."""
    folder = _folder(root, "healthy-t1")
    for plane in PLANES if folder else ():
        assert folder is not None
        for path in sorted((folder / plane).glob("*.jpg")):
            yield Found(path, NO_TUMOR, Origin("healthy-t1", None, "t1", plane))


def _sclerosis(root: Path) -> Iterator[Found]:
    """Yield Open MS data: multiple sclerosis, whose lesions are no tumors."""
    for path in _slices(_folder(root, "ms-ljubljana")):
        yield Found(path, NO_TUMOR, Origin("ms-ljubljana", path.parent.name, _sequence(path), "axial"))


def _folder(root: Path, name: str) -> Path | None:
    """Return the folder of a source, which may be the root itself; None if it is not there."""
    root = root.resolve()
    return next((folder for folder in (root, root / name) if folder.name == name and folder.is_dir()), None)


def _slices(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield from (path for path in sorted(folder.glob("*/*.jpg")) if SLICE.fullmatch(path.name))


def _sequence(path: Path) -> str:
    name = path.name.partition("-")[0]
    return SEQUENCES.get(name, name)
