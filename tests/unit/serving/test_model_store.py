"""Model versions in the BentoML store: imported once, listed where one is missing, verified always."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import bentoml
import pytest

from imip.errors import ArtifactError, UnknownModule
from imip.inference.artifact import CARD, read_card
from imip.inference.runtime import GRAPH
from imip.settings import Settings
from serving import model_store
from tests.support import model_store as throwaway

MODULE = "brain-tumor"
ONE = Settings(modules=(MODULE,))
SHIPPED = model_store.SHIPPED / MODULE
VERSION = read_card(SHIPPED).version
TAG = f"{MODULE}:{VERSION}"


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> Iterator[None]:
    """An empty store."""
    with throwaway.model_store(tmp_path / "bentoml"):
        yield


def artifact(folder: Path) -> Path:
    """A copy of the shipped artifact, free to be changed."""
    return Path(shutil.copytree(SHIPPED, folder))


def stored() -> list[str]:
    return [str(model.tag) for model in bentoml.models.list()]


def test_the_shipped_artifact_is_imported_once_and_then_left_alone() -> None:
    assert model_store.pinned(ONE) == {MODULE: TAG}
    files = sorted(model_store.folder(TAG).iterdir())
    assert {"card.yaml", "model.tflite", "reference.npz"} <= {file.name for file in files}
    times = [file.stat().st_mtime_ns for file in files]
    assert model_store.pinned(ONE) == {MODULE: TAG}
    assert [file.stat().st_mtime_ns for file in files] == times
    assert stored() == [TAG] and str(bentoml.models.get(f"{MODULE}:latest").tag) == TAG
    assert bentoml.models.get(TAG).info.labels == {"research-only": "true"}


def test_an_unknown_version_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ArtifactError, match=r"nosuch.*has: none$"):
        model_store.ensure(MODULE, "nosuch")
    model_store.ensure(MODULE, None)
    with pytest.raises(ArtifactError, match=rf"nosuch.*has: {VERSION}$"):
        model_store.ensure(MODULE, "nosuch")
    with pytest.raises(ArtifactError, match="nosuch"):
        model_store.folder(f"{MODULE}:nosuch")
    model_store.ensure(MODULE, VERSION)


def test_an_unknown_module_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownModule, match=r"names lung; there are: .*brain-tumor"):
        model_store.pinned(Settings(modules=("lung", MODULE)))


def test_a_damaged_artifact_is_not_taken_in(tmp_path: Path) -> None:
    copy = artifact(tmp_path / "copy")
    data = bytearray((copy / GRAPH).read_bytes())
    data[1000] ^= 1
    (copy / GRAPH).write_bytes(bytes(data))
    with pytest.raises(ArtifactError, match=f"^{GRAPH}"):
        model_store.add(copy)
    assert stored() == []


def test_a_sound_artifact_replaces_its_version() -> None:
    assert model_store.add(SHIPPED) == model_store.add(SHIPPED) == TAG
    assert stored() == [TAG]


def test_a_new_card_reaches_a_store_that_was_filled_earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def threshold() -> float:
        return read_card(model_store.folder(TAG)).decision.at("threshold")

    monkeypatch.setattr(model_store, "SHIPPED", tmp_path)
    card_file = artifact(tmp_path / MODULE) / CARD
    model_store.ensure(MODULE, None)
    assert threshold() != 0.123
    card = read_card(card_file.parent)
    card.decision.thresholds["threshold"] = 0.123
    card.write(card_file)
    model_store.pinned(ONE)
    assert threshold() == 0.123
    (model_store.folder(TAG) / CARD).unlink()
    model_store.ensure(MODULE, VERSION)
    assert threshold() == 0.123


def test_a_bento_serves_the_version_it_was_built_with_whatever_card_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bento = tmp_path / "bento.yaml"
    built_with = "[{tag: 'other:1'}, {tag: 'brain-tumor:0123456789ab'}]"
    bento.write_text(f"models: []\nservices: [{{name: imip, models: {built_with}}}]\n", encoding="utf-8")
    monkeypatch.setattr(model_store, "BENTO", bento)
    monkeypatch.setattr(model_store, "IN_BENTO", True)
    assert model_store.pinned(ONE) == {MODULE: "brain-tumor:0123456789ab"}
    named = Settings(modules=(MODULE,), model_versions={MODULE: "fedcba987654"})
    assert model_store.pinned(named) == {MODULE: "brain-tumor:fedcba987654"}
    with pytest.raises(ArtifactError, match="built without a model of chest-pneumonia"):
        model_store.pinned(Settings(modules=("chest-pneumonia",)))
