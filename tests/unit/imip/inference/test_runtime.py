"""A compiled graph from bytes: what is none is a fault of the artifact, whichever way it is broken."""

from dataclasses import replace

import pytest

from imip.errors import ArtifactError
from imip.inference.artifact import Artifact, read_artifact
from imip.inference.runtime import Graph
from imip.modules.chest_pneumonia import ChestPneumonia
from tests.support.server import REPOSITORY


@pytest.fixture
def artifact() -> Artifact:
    return read_artifact(REPOSITORY / "models" / "chest-pneumonia")


def test_bytes_that_are_no_graph_are_a_fault_of_the_artifact(artifact: Artifact) -> None:
    whole = artifact.engine
    for broken in (b"", b"junk", whole[:1000], whole[: len(whole) // 2], b"PK\x03\x04" + whole):
        with pytest.raises(ArtifactError, match="no graph"):
            Graph(broken)


def test_a_module_refuses_an_engine_that_is_no_graph(artifact: Artifact) -> None:
    with pytest.raises(ArtifactError):
        ChestPneumonia(replace(artifact, engine=b"junk"))
