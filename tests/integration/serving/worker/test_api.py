"""A worker of the API: warm before its first scan, and without TensorFlow."""

import json
from typing import Any

import pytest

from tests.support.server import Server, in_a_process, needs_proc

MAKE_A_WORKER = """
import json, sys
from imip.inference.runtime import Graph
run, runs = Graph.run, []
Graph.run = lambda self, pixels: runs.append(pixels) or run(self, pixels)
import service
service.model_store.pinned(service.settings)
service.Imip()
service.service.to_asgi()
json.dump({"runs": len(runs), "packages": sorted({name.partition(".")[0] for name in sys.modules})}, sys.stdout)
"""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process that made a worker did and imported."""
    settings = {"IMIP_MODULES": '["brain-tumor"]', "IMIP_DRIFT_MONITOR": "beside", "IMIP_LOG_FORMAT": "json"}
    told: dict[str, Any] = json.loads(in_a_process(MAKE_A_WORKER, tmp_path_factory.mktemp("worker"), **settings))
    return told


def test_it_runs_its_graph_once_before_it_takes_a_scan(worker: dict[str, Any]) -> None:
    """Nothing of it is counted, so only the graph can tell."""
    assert worker["runs"] == 1


def test_it_has_neither_tensorflow_nor_the_drift_detector(worker: dict[str, Any]) -> None:
    assert "ai_edge_litert" in worker["packages"]
    assert not {"tensorflow", "keras", "alibi_detect", "torch", "sklearn", "training"} & set(worker["packages"])


@needs_proc
def test_a_living_one_maps_no_library_of_tensorflow(server: Server) -> None:
    for worker in server.workers():
        libraries = {mapped.path for mapped in worker.memory_maps() if mapped.path.endswith(".so")}
        assert any("litert" in path for path in libraries)
        assert not any("/tensorflow/" in path or "/sklearn/" in path for path in libraries)
