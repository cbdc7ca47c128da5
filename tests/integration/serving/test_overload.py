"""Promise 8: what a worker cannot hold is turned away at once, and the health routes tell the truth meanwhile."""

import concurrent.futures
import contextlib
import time
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from tests.support.scan_files import picture_bytes
from tests.support.server import PROBLEM, Server, free_port, half_sent, launch, problem, wait_for

HELD = 2  # by the small server's one worker
READS = 4  # likewise, of the prediction log


def shed_of(server: Server) -> dict[str, float]:
    """How many requests of each route were turned away so far."""
    return {s.labels["route"]: s.value for s in server.samples() if s.name == "imip_shed_requests_total"}


def idle(server: Server) -> bool:
    return server.value("imip_requests_in_flight") == 1  # that of /metrics itself


def test_a_full_worker_turns_uploads_away_and_stays_alive_and_ready(small_server: Server, png: bytes) -> None:
    wait_for(lambda: idle(small_server))
    shed = shed_of(small_server)
    with contextlib.ExitStack() as uploads:
        for _ in range(HELD):
            uploads.enter_context(half_sent(small_server, png))
        wait_for(lambda: small_server.value("imip_requests_in_flight") == HELD + 1)
        start = time.perf_counter()
        for route in ("/predict", "/heatmap"):
            answer = small_server.http.post(route, files={"file": png})
            assert problem(answer, 503)["type"] == "urn:imip:problem:overloaded"
            assert int(answer.headers["retry-after"]) >= 1
        for route in ("/livez", "/readyz", "/meta", "/metrics"):
            assert small_server.http.get(route).status_code == 200
        assert time.perf_counter() - start < 2
    assert shed_of(small_server) == {**shed, "/predict": shed["/predict"] + 1, "/heatmap": shed["/heatmap"] + 1}
    wait_for(lambda: idle(small_server))
    assert small_server.http.post("/predict", files={"file": png}).status_code == 200


def test_questions_of_the_log_take_no_place_of_the_health_routes(small_server: Server) -> None:
    wait_for(lambda: idle(small_server))

    def begun(path: str) -> contextlib.AbstractContextManager[object]:
        return half_sent(small_server, b"", path)

    with contextlib.ExitStack() as slow:
        for _ in range(READS):
            slow.enter_context(begun("/feedback"))
        wait_for(lambda: small_server.value("imip_requests_in_flight") == READS + 1)
        for route in ("/performance", "/predictions", "/drift", "/reports/drift"):
            answer = small_server.http.get(route)
            assert problem(answer, 503)["type"] == "urn:imip:problem:overloaded"
            assert int(answer.headers["retry-after"]) >= 1
        for route in ("/livez", "/readyz", "/meta", "/metrics"):
            assert small_server.http.get(route).status_code == 200
    wait_for(lambda: idle(small_server))
    assert small_server.http.get("/performance").status_code == 200


def test_a_crowd_is_answered_or_turned_away_and_nothing_else(small_server: Server) -> None:
    wait_for(lambda: idle(small_server))
    noise = np.random.default_rng(7).integers(0, 255, (1200, 1200), np.uint8)
    large = picture_bytes(Image.fromarray(noise), "PNG", compress_level=1)

    def ask(_: int) -> httpx.Response:
        with small_server.client() as client:
            return client.post("/predict", files={"file": large}, timeout=60)

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(36)))
        health = [small_server.http.get(route).status_code for route in ("/livez", "/readyz")]
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert sum(answer.status_code == 200 for answer in answers) >= HELD
    turned_away = [answer for answer in answers if answer.status_code == 503]
    assert turned_away
    assert all(answer.headers["content-type"] == PROBLEM and answer.headers["retry-after"] for answer in turned_away)
    assert health == [200, 200]
    wait_for(lambda: idle(small_server))
    assert small_server.http.post("/predict", files={"file": large}).status_code == 200


def test_a_server_is_ready_only_once_its_models_are_warm(tmp_path: Path, png: bytes) -> None:
    """The first answer /readyz gives is a yes, and the model answers at once after it."""
    port = free_port()
    process = launch(tmp_path, port, IMIP_WORKERS="1")
    server = Server(tmp_path, port, process)
    try:
        codes = []

        def answered() -> bool:
            with contextlib.suppress(httpx.TransportError):
                codes.append(server.http.get("/readyz", timeout=60).status_code)
            return 200 in codes

        wait_for(answered, 90)
        assert set(codes[:-1]) <= {503}
        predictions = server.value("imip_predictions_total")
        assert predictions == 0  # warming up is no finding
        timings = server.http.post("/predict", files={"file": png}).json()["timings_ms"]
        again = server.http.post("/predict", files={"file": png}).json()["timings_ms"]
        assert sum(timings.values()) < 20 * sum(again.values()) + 100
    finally:
        server.stop()
