"""A model artifact on disk, verified and loaded: compiled graph, card and reference.

The graph is LiteRT, run by XNNPACK on one thread; one pass answers probabilities, embedding and heatmaps.
All bytes are read once, checked against the card's SHA-256 and used from memory, so a file altered later
changes nothing in a running server.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from pydantic import ValidationError

from imip.card import Card
from imip.errors import ArtifactError

CARD = "card.yaml"
GRAPH = "model.tflite"
REFERENCE = "reference.npz"
VERSION_LENGTH = 12  # hexadecimal digits of the graph's SHA-256


@dataclass(frozen=True, slots=True)
class Output:
    """What one pass of the graph answers; k labels in the card's order."""

    probabilities: NDArray[np.float32]  # (k,) calibrated, sum 1
    embedding: NDArray[np.float32]  # (d,) what drift and distance to the reference are measured on
    heatmaps: NDArray[np.float32]  # (h, w, k) Grad-CAM for each label, >= 0, unscaled


class Model:
    """One version of a model, ready to run. Not thread-safe: one instance a thread."""

    def __init__(self, card: Card, graph: bytes, reference: NDArray[np.float32]) -> None:
        self.card = card
        self.reference = reference  # (n, d) embeddings of held-out scans
        interpreter = Interpreter(model_content=graph, num_threads=1)
        self._run = interpreter.get_signature_runner()

    def run(self, pixels: NDArray[np.uint8]) -> Output:
        """Run the graph on one framed slice, (side, side) uint8."""
        answer = self._run(pixels=pixels[None, :, :, None].astype(np.float32))
        return Output(answer["probabilities"][0], answer["embedding"][0], answer["heatmaps"][0])


def load(folder: Path) -> Model:
    """Load the artifact in a folder.

    Raises ArtifactError if a file is missing, does not match the card's SHA-256, or cannot be read.
    """
    card = read_card(folder)
    graph = _verified(folder, GRAPH, card)
    if card.version != digest(graph)[:VERSION_LENGTH]:
        raise ArtifactError(f"{CARD} names version {card.version}, {GRAPH} is {digest(graph)[:VERSION_LENGTH]}")
    return Model(card, graph, read_reference(folder, card)["embeddings"])


def read_card(folder: Path) -> Card:
    """Return an artifact's card. Raises ArtifactError if there is none that can be read."""
    try:
        return Card.read(folder / CARD)
    except (OSError, UnicodeError, yaml.YAMLError, ValidationError) as fault:
        raise ArtifactError(f"no readable {CARD}: {type(fault).__name__}") from fault


def read_reference(folder: Path, card: Card) -> dict[str, NDArray[Any]]:
    """Return the arrays of an artifact's reference: embeddings (n, d) float32, and what `training.artifact` adds.

    Raises ArtifactError if the file is missing or does not match the card's SHA-256.
    """
    with np.load(io.BytesIO(_verified(folder, REFERENCE, card)), allow_pickle=False) as arrays:
        return dict(arrays)


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _verified(folder: Path, name: str, card: Card) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except OSError as fault:
        raise ArtifactError(f"{name} is missing; an artifact holds {CARD}, {GRAPH} and {REFERENCE}") from fault
    if digest(data) != card.files.get(name):
        raise ArtifactError(f"{name} is not the file that {CARD} was written for (SHA-256 differs)")
    return data
