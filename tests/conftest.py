"""What the tests share: a server as shipped, one so small that it is easily full, and databases of both kinds."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine

from monitoring.database import connect, migrate
from tests.support import postgres as throwaway
from tests.support.listener import Listener, listening
from tests.support.postgres import Postgres
from tests.support.scan_files import picture_bytes, ramp
from tests.support.server import Server, running
from tests.support.shipped import SHIPPED


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Listener]:
    """What the server would visit if it opened a connection of its own."""
    with listening() as listener:
        yield listener


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, elsewhere: Listener) -> Iterator[Server]:
    """The server with its first module and two workers."""
    with running(tmp_path_factory.mktemp("server"), IMIP_WORKERS="2", **elsewhere.as_proxy) as started:
        yield started


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker with all modules that there are."""
    with running(tmp_path_factory.mktemp("platform"), IMIP_WORKERS="1", IMIP_MODULES=json.dumps(SHIPPED)) as all:
        yield all


@pytest.fixture(scope="session")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker, as in a container; it holds two requests, gives clients two seconds, refuses annotated scans."""
    settings = {"MAX_IN_FLIGHT": "2", "UPLOAD_SECONDS": "2", "BURNED_IN": "refuse", "MAX_BODY_BYTES": "4000000"}
    environment = {f"IMIP_{name}": value for name, value in settings.items()}
    environment |= {"IMIP_WORKERS": "1", "BENTOML_CONTAINERIZED": "true"}
    with running(tmp_path_factory.mktemp("small"), **environment) as started:
        yield started


@pytest.fixture(scope="session")
def png() -> bytes:
    """A small slice, wider than high."""
    return picture_bytes(Image.fromarray(ramp(64, 80)), "PNG")


@pytest.fixture(scope="session")
def head() -> bytes:
    """Something like a head: a bright ellipse with some texture in the dark, (120, 160)."""
    rows, columns = np.mgrid[:120, :160]
    ellipse = ((rows - 60) / 50) ** 2 + ((columns - 90) / 40) ** 2 <= 1
    pixels = np.where(ellipse, 120 + 60 * np.sin(rows / 7) * np.cos(columns / 5), 0).astype(np.uint8)
    return picture_bytes(Image.fromarray(pixels), "PNG")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of the tests' own."""
    with throwaway.running() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'predictions.sqlite3'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """An empty prediction log."""
    engine = connect(database_url)
    migrate(engine)
    yield engine
    engine.dispose()
