"""A model artifact is loaded whole or not at all: any file that is missing, altered or damaged is refused by name."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imip.card import Card
from imip.errors import ArtifactError
from imip.model import CARD, GRAPH, REFERENCE, Model, digest, load
from imip.modules import MODULES
from imip.outliers import ReferenceDistance
from server import REPOSITORY

SHIPPED = REPOSITORY / "models" / "brain-tumor"


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A copy of the shipped artifact, free to be damaged."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "artifact"))


@pytest.fixture(scope="module")
def model() -> Model:
    return load(SHIPPED)


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


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "first bit of the graph": (lambda folder: flip(folder / GRAPH, 0), GRAPH),
    "middle bit of the graph": (lambda folder: flip(folder / GRAPH, (folder / GRAPH).stat().st_size // 2), GRAPH),
    "last bit of the graph": (lambda folder: flip(folder / GRAPH, -1), GRAPH),
    "bit of the reference": (lambda folder: flip(folder / REFERENCE, 500), REFERENCE),
    "graph emptied": (lambda folder: (folder / GRAPH).write_bytes(b""), GRAPH),
    "graph removed": (lambda folder: (folder / GRAPH).unlink(), GRAPH),
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


def test_the_shipped_artifact_is_whole_and_its_card_says_what_for(model: Model) -> None:
    card = model.card
    assert card.module == "brain-tumor" in MODULES
    assert card.labels == ("Tumor", "No Tumor")
    assert 0 <= card.decision.uncertain_from <= card.decision.threshold <= card.decision.uncertain_to <= 1
    for text in (card.intended_use, card.non_recommended_use, card.data, card.ethics, card.caveats, card.licence):
        assert len(text) > 5


def test_the_shipped_artifact_is_small_and_its_reference_large_enough(model: Model) -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 5 * 2**20
    assert len(model.reference) >= 500


def test_the_card_survives_writing_and_reading(model: Model, tmp_path: Path) -> None:
    model.card.write(tmp_path / CARD)
    assert Card.read(tmp_path / CARD) == model.card


def test_one_pass_answers_probabilities_embedding_and_a_heatmap_for_each_label(model: Model) -> None:
    side = model.card.input.side
    for pixels in (np.zeros((side, side), np.uint8), np.random.default_rng(5).integers(0, 255, (side, side), np.uint8)):
        output = model.run(pixels)
        assert output.probabilities.shape == (2,)
        assert output.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert output.embedding.shape == model.reference.shape[1:]
        assert output.heatmaps.ndim == 3 and output.heatmaps.shape[2] == 2
        assert (output.heatmaps >= 0).all()
        assert all(np.isfinite(part).all() for part in (output.probabilities, output.embedding, output.heatmaps))


def test_the_same_slice_gets_the_same_answer(model: Model) -> None:
    side = model.card.input.side
    pixels = np.random.default_rng(6).integers(0, 255, (side, side), np.uint8)
    first = model.run(pixels)
    model.run(255 - pixels)
    again = model.run(pixels)
    assert np.array_equal(first.probabilities, again.probabilities)
    assert np.array_equal(first.heatmaps, again.heatmaps)


def test_most_of_the_reference_is_within_the_cards_distance(model: Model) -> None:
    distances = ReferenceDistance(model.reference)(model.reference)
    assert distances.shape == (len(model.reference),)
    assert np.mean(distances <= model.card.out_of_distribution.threshold) > 0.97
