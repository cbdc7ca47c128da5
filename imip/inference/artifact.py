"""A model artifact on disk, verified and read: its engine (what computes), its card and its reference.

All bytes are read once, checked against the card's SHA-256 and used from memory, so a file altered later changes
nothing in a running server. No file of an artifact can execute code: the engine is a compiled graph or plain arrays.
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
    """One version of one model, as a module takes it."""

    card: Card
    engine: bytes
    reference: NDArray[np.float32]  # (n, d) embeddings of held-out scans


def read_artifact(folder: Path) -> Artifact:
    """Read the artifact in a folder.

    Raises ArtifactError if a file is missing, does not match the card's SHA-256, or cannot be read.
    """
    card = read_card(folder)
    engine = _verified(folder, card.engine, card)
    if card.version != version(engine):
        raise ArtifactError(f"{CARD} names version {card.version}, {card.engine} is {version(engine)}")
    return Artifact(card, engine, read_reference(folder, card)["embeddings"])


def read_card(folder: Path) -> Card:
    """Return an artifact's card. Raises ArtifactError if there is none that can be read."""
    try:
        return Card.read(folder / CARD)
    except (OSError, UnicodeError, yaml.YAMLError, ValidationError) as fault:
        raise ArtifactError(f"no readable {CARD}: {type(fault).__name__}") from fault


def read_reference(folder: Path, card: Card) -> dict[str, NDArray[Any]]:
    """Return the arrays of an artifact's reference: embeddings (n, d) float32, and what the exporter adds.

    Raises ArtifactError if the file is missing, does not match the card's SHA-256, or holds no embeddings.
    """
    try:
        with np.load(io.BytesIO(_verified(folder, REFERENCE, card)), allow_pickle=False) as archive:
            arrays = dict(archive)
    except (ValueError, OSError, EOFError, BadZipFile, TypeError) as fault:  # TypeError: a lone array is no archive
        raise ArtifactError(f"{REFERENCE} cannot be read: {type(fault).__name__}") from fault
    if "embeddings" not in arrays:
        raise ArtifactError(f"{REFERENCE} holds no embeddings")
    return arrays


def version(engine: bytes) -> str:
    """Return the version of a model: its engine's digest, shortened."""
    return digest(engine)[:VERSION_LENGTH]


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _verified(folder: Path, name: str, card: Card) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except OSError as fault:
        raise ArtifactError(f"{name} is missing; an artifact holds {CARD}, {card.engine} and {REFERENCE}") from fault
    if digest(data) != card.files.get(name):
        raise ArtifactError(f"{name} is not the file that {CARD} was written for (SHA-256 differs)")
    return data
