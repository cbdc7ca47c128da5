"""`bentoml.SyncHTTPClient`, which researchers use from notebooks, against the real server."""

import io
from collections.abc import Iterator
from pathlib import Path

import bentoml
import numpy as np
import pytest
from bentoml.exceptions import BentoMLException
from PIL import Image

from tests.support.scan_files import mr_bytes, ramp
from tests.support.server import Server


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[bentoml.SyncHTTPClient]:
    with bentoml.SyncHTTPClient(server.url) as connected:
        yield connected


@pytest.fixture
def scan(tmp_path: Path, head: bytes) -> Path:
    path = tmp_path / "scan.png"
    path.write_bytes(head)
    return path


def test_a_file_is_enough(client: bentoml.SyncHTTPClient, scan: Path) -> None:
    finding = client.predict(file=scan)
    assert finding["module"] == "brain-tumor"
    assert finding["confidence"] == finding["probabilities"][finding["label"]]


def test_module_and_frame_may_be_named(client: bentoml.SyncHTTPClient, scan: Path, tmp_path: Path) -> None:
    named = client.predict(file=scan, module="brain-tumor", frame=0)
    assert named["probabilities"] == client.predict(file=scan)["probabilities"]
    series = tmp_path / "series.dcm"
    series.write_bytes(mr_bytes(np.stack([ramp(), ramp(), ramp()])))
    assert client.predict(file=series, frame=2)["scan"]["frame"] == 2
    assert client.predict(file=series, frame=None)["scan"]["frame"] == 1


@pytest.mark.parametrize("fields", [{}, {"module": "brain-tumor"}, {"frame": 0}])
def test_a_heatmap_comes_as_the_bytes_of_a_picture(
    client: bentoml.SyncHTTPClient, scan: Path, fields: dict[str, object]
) -> None:
    picture = client.heatmap(file=scan, **fields)
    assert isinstance(picture, bytes)
    assert Image.open(io.BytesIO(picture)).format == "PNG"


def test_a_refusal_says_why(client: bentoml.SyncHTTPClient, scan: Path) -> None:
    with pytest.raises(BentoMLException, match="there are: brain-tumor") as refused:
        client.predict(file=scan, module="lung")
    assert refused.value.error_code == 422
