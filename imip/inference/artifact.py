"""Read and verify a model artifact on disk: its engine (compiled graph or decision tree), its card and its reference.

Every file is read once, checked against the SHA-256 in the card and then used from memory, so a later change on disk
does not affect a running server. No file can execute code: an engine is a compiled graph or plain arrays.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import ValidationError

from imip.errors import ArtifactError
from imip.inference.card import Card

CARD = "card.yaml"
REFERENCE = "reference.npz"
VERSION_LENGTH = 12  # hexadecimal digits of the engine's SHA-256


@dataclass(frozen=True, slots=True)
class Artifact:
    """One version of one model: the input of a module."""

    card: Card
    engine: bytes
    reference: NDArray[np.float32]  # (n, d) embeddings of held-out scans


def read_artifact(folder: Path) -> Artifact:
    """Read the artifact in a folder.

    Raises ArtifactError if a file is missing, does not match the card's SHA-256, or cannot be read.
    """
    card = read_card(folder)
    engine = _read_verified(folder, card.engine, card)
    if card.version != version(engine):
        raise ArtifactError(f"{CARD} names version {card.version}, {card.engine} is {version(engine)}")
    return Artifact(card, engine, read_reference(folder, card)["embeddings"])


def read_card(folder: Path) -> Card:
    """Return the card of an artifact. Raises ArtifactError if it is missing or cannot be read."""
    try:
        return Card.read(folder / CARD)
    except (OSError, UnicodeError, yaml.YAMLError, ValidationError) as error:
        raise ArtifactError(f"no readable {CARD}: {type(error).__name__}") from error


def read_reference(folder: Path, card: Card) -> dict[str, NDArray[Any]]:
    """Return the arrays of the reference: embeddings, (n, d) float32, and those that the exporter adds.

    Raises ArtifactError if the file is missing, does not match the card's SHA-256, or contains no embeddings.
    """
    try:
        with np.load(io.BytesIO(_read_verified(folder, REFERENCE, card)), allow_pickle=False) as archive:
            arrays = dict(archive)
    except (ValueError, OSError, EOFError, BadZipFile, TypeError) as error:  # TypeError: a single array, not an archive
        raise ArtifactError(f"{REFERENCE} cannot be read: {type(error).__name__}") from error
    if "embeddings" not in arrays:
        raise ArtifactError(f"{REFERENCE} holds no embeddings")
    return arrays


def version(engine: bytes) -> str:
    """Return the version of a model: the first digits of the SHA-256 of its engine."""
    return digest(engine)[:VERSION_LENGTH]


def digest(data: bytes) -> str:
    """Return the SHA-256 as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _read_verified(folder: Path, name: str, card: Card) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{name} is missing; an artifact holds {CARD}, {card.engine} and {REFERENCE}") from error
    if digest(data) != card.files.get(name):
        raise ArtifactError(f"{name} is not the file that {CARD} was written for (SHA-256 differs)")
    return data
