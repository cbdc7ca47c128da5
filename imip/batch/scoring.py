"""Batch scoring of a folder: find its files, and turn each file into one row of the results.

A file that cannot be scored gets a row with the error: among very many files some are always damaged.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from stat import S_ISREG
from typing import Any, Literal

from imip.batch.checkpoint import Checkpoint, FileEntry
from imip.errors import ScanError
from imip.inference.card import Card
from imip.inference.decision import OUT_OF_DISTRIBUTION
from imip.inference.module import AnalysisModule
from imip.inference.predictor import analyse
from imip.modules import load
from imip.prediction import Prediction
from imip.scan.limits import Limits
from imip.table import ColumnType, Row, column_types

COPIED = ("label", "confidence", "decision", "advice", "format", "width", "height", "frame", "frames")
WORKER_CRASHED = {
    "error": "worker died",
    "message": "The process that scored it was killed: too little memory, or a crash.",
}


def find_files(folder: Path, results: Path) -> Iterator[FileEntry]:
    """Yield every file in and below a folder, except hidden files, the results file and its partial results.

    Links are followed, but each folder is visited once. A folder that cannot be listed is yielded like a file, so that
    it appears in the results with an error.
    """
    unreadable: list[OSError] = []
    seen: set[Path] = set()
    for parent, folders, files in os.walk(folder, onerror=unreadable.append, followlinks=True):
        resolved = Path(parent).resolve()
        folders[:] = [] if resolved in seen else sorted(name for name in folders if not name.startswith("."))
        names = [] if resolved in seen else [name for name in files if not name.startswith(".")]
        seen.add(resolved)
        partial = f"{results.name}.part" if resolved == results.parent.resolve() else None
        for name in names:
            if partial is None or not (name == results.name or name.startswith(partial)):
                yield from _file_entries(Path(parent, name), folder)
    yield from (FileEntry(_relative_path(Path(error.filename), folder)) for error in unreadable)


def _file_entries(file: Path, folder: Path) -> Iterator[FileEntry]:
    try:
        status = file.stat()
    except OSError:  # scoring the file reports the error
        yield FileEntry(_relative_path(file, folder))
        return
    if S_ISREG(status.st_mode):  # reading a pipe would block
        yield FileEntry(_relative_path(file, folder), status.st_size, status.st_mtime_ns)


def _relative_path(file: Path, folder: Path) -> bytes:
    return os.fsencode(file.relative_to(folder).as_posix())


@dataclass(frozen=True, slots=True)
class ScoringTask:
    """Scores one file of a folder: a task for `imip.batch.workers`."""

    folder: Path
    artifact: Path  # folder of the model artifact
    limits: Limits
    burned_in: Literal["refuse", "warn"]
    any_modality: bool

    def initialize(self) -> None:
        """Load the module. Raises ArtifactError."""
        _load_once(self.artifact)

    def __call__(self, path: bytes) -> dict[str, Any]:
        """Return the row of a file, {column: value}: the prediction for its scan, or the error and its message.

        Raises OSError if the whole folder no longer exists, because then no file is at fault.
        """
        module = _load_once(self.artifact)
        file = self.folder / os.fsdecode(path)
        try:
            self.limits.check_body(file.stat().st_size)
            analysis = analyse(
                file.read_bytes(),
                module,
                limits=self.limits,
                burned_in=self.burned_in,
                any_modality=self.any_modality,
            )
        except ScanError as error:
            return {"error": error_name(type(error)), "message": str(error)}
        except OSError as error:
            self.folder.stat()
            return {"error": "unreadable file", "message": error.strerror}
        except Exception as error:  # noqa: BLE001 (one bad file must not stop the run)
            return {"error": "unexpected error", "message": type(error).__name__}  # its text may quote the file
        return to_row(analysis.prediction)


def error_name(error: type[ScanError]) -> str:
    """Return the name of an error in lower-case words, such as `unsupported format`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", error.__name__).lower()


def to_row(prediction: Prediction) -> dict[str, Any]:
    """Return the values of a prediction by column."""
    return {
        **{name: getattr(prediction, name) for name in COPIED},
        **{_probability(label): value for label, value in prediction.probabilities.items()},
        "region_count": len(prediction.regions),
        "region_area_ratio": prediction.features["region_area_ratio"],
        "out_of_distribution": OUT_OF_DISTRIBUTION in prediction.warnings,
        "warnings": list(prediction.warnings),
        "reasons": [reason.text for reason in prediction.reasons],
        "attributes": dict(prediction.attributes),
        "seconds": sum(prediction.seconds.values()),
    }


def columns(card: Card) -> dict[str, ColumnType]:
    """Return the columns of the results and their types."""
    of_prediction = column_types(Prediction)
    return {
        "path": "text",
        **{name: of_prediction[name] for name in ("label", "confidence", "decision")},
        **dict.fromkeys(map(_probability, card.labels), "number"),
        "region_count": "integer",
        "region_area_ratio": "number",
        "out_of_distribution": "boolean",
        "warnings": "texts",
        "reasons": "texts",
        "advice": "text",
        "error": "text",
        "message": "text",
        **{name: of_prediction[name] for name in ("format", "width", "height", "frame", "frames", "attributes")},
        "seconds": "number",
        "module": "text",
        "model_version": "text",
    }


def results(checkpoint: Checkpoint, card: Card) -> Iterator[Row]:
    """Yield the rows of a checkpoint with all columns of the results."""
    for path, row in checkpoint.rows():
        yield {"path": path_text(path), **row, "module": card.module, "model_version": card.version}


def path_text(path: bytes) -> str:
    """Return a path as text, with bytes that are not UTF-8 escaped."""
    return path.decode("utf-8", errors="backslashreplace")


def _probability(label: str) -> str:
    return f"probability_{label.lower().replace(' ', '_')}"


@cache
def _load_once(artifact: Path) -> AnalysisModule:
    return load(artifact)
