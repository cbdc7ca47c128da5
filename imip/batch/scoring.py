"""A folder scored in bulk: which files it is made of, and what becomes of each, a row of the results.

A file that cannot be scored is a row too, which says why: among very many files some are always damaged.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from stat import S_ISREG
from typing import Any, Literal

from imip.batch.checkpoint import Checkpoint, Found
from imip.errors import ScanError
from imip.inference.card import Card
from imip.inference.decision import OUT_OF_DISTRIBUTION
from imip.inference.module import AnalysisModule
from imip.inference.predictor import analyse
from imip.modules import load
from imip.prediction import Prediction
from imip.scan.limits import Limits
from imip.table import Kind, Row, kinds

PLAIN = ("label", "confidence", "decision", "advice", "format", "width", "height", "frame", "frames")  # as they are
DIED = {"error": "worker died", "message": "The process that scored it was killed: too little memory, or a crash."}


def find(folder: Path, results: Path) -> Iterator[Found]:
    """Return every file in and below a folder, but for hidden ones and the results with their partial results.

    Links are followed, into each folder once. A folder that cannot be listed stands for what may be in it.
    """
    unreadable: list[OSError] = []
    seen: set[Path] = set()
    for parent, folders, files in os.walk(folder, onerror=unreadable.append, followlinks=True):
        here = Path(parent).resolve()
        folders[:] = [] if here in seen else sorted(name for name in folders if not name.startswith("."))
        names = [] if here in seen else [name for name in files if not name.startswith(".")]
        seen.add(here)
        ours = f"{results.name}.part" if here == results.parent.resolve() else None
        for name in names:
            if ours is None or not (name == results.name or name.startswith(ours)):
                yield from _found(Path(parent, name), folder)
    yield from (Found(_below(Path(fault.filename), folder)) for fault in unreadable)


def _found(file: Path, folder: Path) -> Iterator[Found]:
    try:
        status = file.stat()
    except OSError:  # whoever reads it will say why
        yield Found(_below(file, folder))
        return
    if S_ISREG(status.st_mode):  # to read a pipe would be to wait for its writer
        yield Found(_below(file, folder), status.st_size, status.st_mtime_ns)


def _below(file: Path, folder: Path) -> bytes:
    return os.fsencode(file.relative_to(folder).as_posix())


@dataclass(frozen=True, slots=True)
class Scoring:
    """What is done to each file of a folder: a task for `imip.batch.workers`."""

    folder: Path
    artifact: Path  # its folder
    limits: Limits
    burned_in: Literal["refuse", "warn"]
    any_modality: bool

    def begin(self) -> None:
        """Load the module. Raises ArtifactError."""
        _loaded(self.artifact)

    def __call__(self, path: bytes) -> dict[str, Any]:
        """Return a file's row, (column: value): what the module says of its scan, or the error and its message.

        Raises OSError if the whole folder is gone: its files are not at fault.
        """
        module = _loaded(self.artifact)
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
        except ScanError as fault:
            return {"error": words(type(fault)), "message": str(fault)}
        except OSError as fault:
            self.folder.stat()
            return {"error": "unreadable file", "message": fault.strerror}
        except Exception as fault:  # noqa: BLE001 (whatever it is, the next file may do)
            return {"error": "unexpected error", "message": type(fault).__name__}  # its own words may be the file's
        return row(analysis.prediction)


def words(error: type[ScanError]) -> str:
    """Return an error's name in words: `unsupported format`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", error.__name__).lower()


def row(prediction: Prediction) -> dict[str, Any]:
    """Return what is known of a scan, by column."""
    return {
        **{name: getattr(prediction, name) for name in PLAIN},
        **{_probability(label): value for label, value in prediction.probabilities.items()},
        "out_of_distribution": OUT_OF_DISTRIBUTION in prediction.warnings,
        "warnings": list(prediction.warnings),
        "reasons": [reason.text for reason in prediction.reasons],
        "attributes": dict(prediction.attributes),
        "seconds": sum(prediction.seconds.values()),
    }


def columns(card: Card) -> dict[str, Kind]:
    """Return the columns of a module's results."""
    of_prediction = kinds(Prediction)
    return {
        "path": "text",
        **{name: of_prediction[name] for name in ("label", "confidence", "decision")},
        **dict.fromkeys(map(_probability, card.labels), "number"),
        "out_of_distribution": "flag",
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
    """Return the rows of a checkpoint as they are written."""
    for path, row in checkpoint.rows():
        yield {"path": shown(path), **row, "module": card.module, "model_version": card.version}


def shown(path: bytes) -> str:
    """Return a path as text, whatever its bytes."""
    return path.decode("utf-8", errors="backslashreplace")


def _probability(label: str) -> str:
    return f"probability_{label.lower().replace(' ', '_')}"


@cache
def _loaded(artifact: Path) -> AnalysisModule:
    """A worker loads its module once."""
    return load(artifact)
