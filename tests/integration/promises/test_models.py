"""Promise 9: users cannot change a model online."""

import shutil
from pathlib import Path

import httpx
import pytest

from tests.support.server import REPOSITORY, Server, free_port, launch, problem, running, wait_for


def test_no_route_but_inferences_and_feedback_takes_anything(server: Server) -> None:
    paths = set(server.http.get("/docs.json").json()["paths"])
    paths |= {"/", "/meta", "/docs.json", "/schema.json", "/models", "/reload", "/admin", "/train", "/module"}
    taking = set()
    for path in paths:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = server.http.request(method, path)
            if problem(answer)["status"] not in (404, 405):
                taking.add((method, path))
    assert taking == {("POST", "/predict"), ("POST", "/heatmap"), ("POST", "/feedback")}


def test_files_altered_under_a_running_server_change_nothing(tmp_path: Path, head: bytes) -> None:
    """Then a new start is refused, with the name of the altered file."""

    def ask(server: Server) -> list[object]:
        answers = [server.http.post("/predict", files={"file": head}).json() for _ in range(2)]
        return [[answer["probabilities"], answer["model"]] for answer in answers]

    with running(tmp_path, IMIP_WORKERS="1") as server:
        before = ask(server), server.http.get("/meta").json()
        (stored,) = (tmp_path / "bentoml").rglob("model.tflite")
        weights = bytearray(stored.read_bytes())
        weights[len(weights) // 2] ^= 0xFF
        stored.write_bytes(bytes(weights))
        card = stored.parent / "card.yaml"
        card.write_text(card.read_text().replace("No Tumor", "Altered"))
        assert (ask(server), server.http.get("/meta").json()) == before
        card.unlink()
        assert (ask(server), server.http.get("/meta").json()) == before
    shutil.copy(REPOSITORY / "models" / "brain-tumor" / "card.yaml", card)
    port = free_port()
    process = launch(tmp_path, port, IMIP_WORKERS="1")
    server = Server(tmp_path, port, process)
    try:
        wait_for(lambda: process.poll() is not None or "ArtifactError" in server.log(), 60)
        with pytest.raises(httpx.TransportError):
            server.http.get("/readyz", timeout=1)
        assert "model.tflite" in server.log()
    finally:
        server.stop()
