"""What commands find when tests call them in their own process: a model store and settings of the tests' own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.model_store import model_store


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a model store."""
    home = tmp_path_factory.mktemp("bentoml")
    with model_store(home):
        yield home


@pytest.fixture
def settings(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults, whatever the environment says, and a data folder below that of the test."""
    for name in [name for name in os.environ if name.startswith("IMIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BENTOML_HOME", str(models))
    monkeypatch.setenv("IMIP_DATA_FOLDER", str(tmp_path / "data"))
