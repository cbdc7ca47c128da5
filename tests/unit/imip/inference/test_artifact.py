"""A model artifact is loaded whole or not at all: any file that is missing, altered or damaged is refused by name."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imip.errors import ArtifactError
from imip.inference.artifact import CARD, REFERENCE, digest, read_card
from imip.inference.card import Card
from imip.inference.runtime import GRAPH
from imip.modules import load
from tests.support.server import REPOSITORY

SHIPPED = REPOSITORY / "models" / "brain-tumor"


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A copy of the shipped artifact, free to be damaged."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "artifact"))


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(bytes(data))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def graph_and_digest_exchanged(folder: Path) -> None:
    """The most careful forgery: the digest in the card follows the altered graph, but not the version."""
    old = digest((folder / GRAPH).read_bytes())
    flip(folder / GRAPH, -1)
    text = (folder / CARD).read_text(encoding="utf-8")
    (folder / CARD).write_text(text.replace(f"{GRAPH}: {old}", f"{GRAPH}: {digest((folder / GRAPH).read_bytes())}"))


def exchange_reference(folder: Path, data: bytes) -> None:
    old = digest((folder / REFERENCE).read_bytes())
    (folder / REFERENCE).write_bytes(data)
    edit(folder / CARD, f"{REFERENCE}: {old}", f"{REFERENCE}: {digest(data)}")


def archive(**arrays: NDArray[Any]) -> bytes:
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return packed.getvalue()


def lone(array: NDArray[Any]) -> bytes:
    packed = io.BytesIO()
    np.save(packed, array)
    return packed.getvalue()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "first bit of the graph": (lambda folder: flip(folder / GRAPH, 0), GRAPH),
    "middle bit of the graph": (lambda folder: flip(folder / GRAPH, (folder / GRAPH).stat().st_size // 2), GRAPH),
    "last bit of the graph": (lambda folder: flip(folder / GRAPH, -1), GRAPH),
    "bit of the reference": (lambda folder: flip(folder / REFERENCE, 500), REFERENCE),
    "graph emptied": (lambda folder: (folder / GRAPH).write_bytes(b""), GRAPH),
    "graph removed": (lambda folder: (folder / GRAPH).unlink(), GRAPH),
    "reference and digest exchanged": (lambda folder: exchange_reference(folder, b"junk"), REFERENCE),
    "reference without embeddings": (lambda folder: exchange_reference(folder, archive(other=np.zeros(3))), REFERENCE),
    "reference a lone array": (lambda folder: exchange_reference(folder, lone(np.zeros(3))), REFERENCE),
    "reference removed": (lambda folder: (folder / REFERENCE).unlink(), REFERENCE),
    "card removed": (lambda folder: (folder / CARD).unlink(), CARD),
    "card emptied": (lambda folder: (folder / CARD).write_text(""), CARD),
    "card no yaml": (lambda folder: (folder / CARD).write_text("{a: [b"), CARD),
    "card no text": (lambda folder: (folder / CARD).write_bytes(b"\xff\xfe\x00"), CARD),
    "card without threshold": (lambda folder: edit(folder / CARD, "threshold:", "treshold:"), CARD),
    "threshold out of range": (lambda folder: edit(folder / CARD, "threshold: 0", "threshold: 7"), CARD),
    "unknown key": (lambda folder: edit(folder / CARD, "licence:", "extra: 1\nlicence:"), CARD),
    "digest edited": (lambda folder: edit(folder / CARD, f"{GRAPH}: ", f"{GRAPH}: 0"), GRAPH),
    "version edited": (lambda folder: edit(folder / CARD, "version: ", "version: '0' #"), CARD),
    "graph and digest exchanged": (graph_and_digest_exchanged, CARD),
    "graph is a folder": (lambda folder: ((folder / GRAPH).unlink(), (folder / GRAPH).mkdir()), GRAPH),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_artifact_is_refused_with_the_name_of_the_file(artifact: Path, name: str) -> None:
    damage, named = DAMAGES[name]
    load(artifact)
    damage(artifact)
    with pytest.raises(ArtifactError) as refused:
        load(artifact)
    assert named in str(refused.value)


def test_a_card_of_no_known_module_is_refused_with_the_known_ones(artifact: Path) -> None:
    edit(artifact / CARD, "module: brain-tumor", "module: lung")
    with pytest.raises(ArtifactError, match="brain-tumor"):
        load(artifact)


def test_the_card_survives_writing_and_reading(tmp_path: Path) -> None:
    card = read_card(SHIPPED)
    card.write(tmp_path / CARD)
    assert Card.read(tmp_path / CARD) == card
