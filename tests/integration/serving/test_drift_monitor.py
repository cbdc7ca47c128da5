"""The drift monitor as it runs beside the API: a drifted stream is noticed, an undrifted one is not, once for all."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, select

from imip.explain.heatmap import encode_png
from monitoring.database import connect
from monitoring.drift.reference import Reference
from monitoring.drift.simulation.distortions import distort
from monitoring.tables import drift_checks
from tests.support.postgres import Postgres
from tests.support.server import Server, running, starting, wait_for
from tools.benchmarks.drill.environment import use_log_as_reference
from tools.benchmarks.phantoms import phantom

# Strict enough that chance alone does not raise the undrifted verdict in a test.
RULE = '{"brain-tumor": {"window": 60, "every": 20, "seconds": 5, "p_value": 0.003, "permutations": 1999}}'
CHECK_SECONDS = 120.0  # for a check that comes after TensorFlow was loaded in the least favoured process


def send(server: Server, slices: list[NDArray[np.uint8]]) -> None:
    with server.client() as client:
        for pixels in slices:
            assert client.post("/predict", files={"file": encode_png(pixels)}).status_code == 200


def verdict(server: Server) -> dict[str, Any]:
    body = server.http.get("/drift").json()
    check: dict[str, Any] = body["modules"].get("brain-tumor", {})
    return check


@pytest.fixture(scope="module")
def replicas(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[tuple[Server, Server, Engine, Reference]]:
    """Two servers on one database, and a reference made of what they were sent while nothing was wrong."""
    url = postgres.database()
    settings = {"IMIP_DATABASE_URL": url, "IMIP_DRIFT_MONITOR": "beside", "IMIP_DRIFT": RULE, "IMIP_WORKERS": "1"}
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "other")]
    with starting(folders[0], **settings) as one, starting(folders[1], **settings) as other:
        for server in (one, other):
            server.wait_until_ready()
        send(one, [phantom(seed) for seed in range(200)])
        engine = connect(url)
        made = use_log_as_reference(engine)
        yield one, other, engine, made
        engine.dispose()


def test_an_undrifted_stream_raises_nothing_and_a_drifted_one_does_everywhere(
    replicas: tuple[Server, Server, Engine, Reference],
) -> None:
    one, other, engine, reference = replicas
    send(other, [phantom(seed) for seed in range(1000, 1080)])
    wait_for(lambda: verdict(one).get("reference") == reference.version, CHECK_SECONDS)
    send(one, [phantom(seed) for seed in range(1080, 1120)])
    last = one.http.get("/predictions", params={"limit": 1}).json()["predictions"][0]["at"]
    wait_for(lambda: verdict(one)["until"] == last, CHECK_SECONDS)  # `seconds` after it at the latest
    check = verdict(one)
    assert not check["drifted"], check
    assert {detector["detector"] for detector in check["detectors"]} == {"mmd", "ks", "chi2"}
    assert all(0 < detector["p_value"] <= 1 for detector in check["detectors"])
    assert check["reference_size"] == len(reference.predictions)
    assert 40 <= check["window_size"] <= 60  # some of the slices resemble each other

    rng = np.random.default_rng(0)
    send(one, [distort(phantom(seed), "blur", 5, rng) for seed in range(2000, 2120)])
    last = one.http.get("/predictions", params={"limit": 1}).json()["predictions"][0]["at"]
    wait_for(lambda: verdict(other)["drifted"] and verdict(other)["until"] == last, CHECK_SECONDS)
    shifted = [feature["name"] for feature in verdict(one)["features"] if feature["drifted"]]
    assert {"sharpness", "detail_ratio"} & set(shifted[:10])

    wait_for(lambda: one.value("imip_drift_detected", detector="ks") == 1)
    wait_for(lambda: other.value("imip_drift_detected", detector="ks") == 1)
    assert one.value("imip_drift_computing") + other.value("imip_drift_computing") == 1
    assert one.value("imip_drift_window_fill_ratio") > 0.7
    assert one.value("imip_drift_failures_total") + other.value("imip_drift_failures_total") == 0
    with engine.connect() as connection:
        looked_at = connection.execute(select(drift_checks.c.reference, drift_checks.c.last_prediction)).all()
    assert len(looked_at) == len(set(looked_at)) >= 3  # each window once, whoever computed


def test_only_the_one_that_computes_pays_for_tensorflow(replicas: tuple[Server, Server, Engine, Reference]) -> None:
    computing = [server for server in replicas[:2] if server.value("imip_drift_computing") == 1]
    loaded = [server for server in replicas[:2] if "tensorflow" in maps(server, "imip_drift_monitor")]
    assert loaded == computing
    assert not any("tensorflow" in maps(server, "imip") for server in replicas[:2])


def maps(server: Server, service: str) -> str:
    """The names of the libraries that a service's processes have loaded."""
    return " ".join(entry.path for worker in server.workers(service) for entry in worker.memory_maps())


def test_a_report_is_made_when_the_drift_begins_and_kept_for_all(
    replicas: tuple[Server, Server, Engine, Reference],
) -> None:
    one, other, *_ = replicas
    wait_for(lambda: "<h2>Drift</h2>" in one.http.get("/reports/drift").text, CHECK_SECONDS)
    pages = [server.http.get("/reports/drift") for server in (one, other)]
    assert [page.status_code for page in pages] == [200, 200] and pages[0].text == pages[1].text
    assert pages[0].headers["content-type"].startswith("text/html")
    assert "brain-tumor" in pages[0].text and "not a medical device" in pages[0].text
    assert not [line for server in (one, other) for line in server.log().splitlines() if not line.startswith("{")]


def test_tensorflow_writes_no_line_of_its_own_into_the_log(replicas: tuple[Server, Server, Engine, Reference]) -> None:
    for server in replicas[:2]:
        assert all(json.loads(line)["event"] for line in server.log().splitlines())


def test_another_monitor_takes_over(replicas: tuple[Server, Server, Engine, Reference]) -> None:
    one, other, *_ = replicas
    computing, waiting = (one, other) if one.value("imip_drift_computing") == 1 else (other, one)
    before = verdict(waiting)["at"]
    computing.stop()
    wait_for(lambda: waiting.value("imip_drift_computing") == 1, 60)
    send(waiting, [phantom(seed) for seed in range(3000, 3040)])
    wait_for(lambda: verdict(waiting)["at"] > before, CHECK_SECONDS)


def test_a_monitor_alone_describes_the_routes_that_it_answers(tmp_path: Path) -> None:
    with running(tmp_path, IMIP_DRIFT_MONITOR="alone") as alone:
        document = alone.http.get("/docs.json").json()
        assert set(document["paths"]) == {"/livez", "/healthz", "/readyz", "/metrics"}
        assert [alone.http.get(path).status_code for path in document["paths"]] == [200] * 4
    assert [tag["name"] for tag in document["tags"]] == ["Infrastructure"]
    assert document["components"]["schemas"] == {}
