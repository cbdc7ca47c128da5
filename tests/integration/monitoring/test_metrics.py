"""Promise 6: metrics count what was asked, under names and labels of ours, however wild the requests."""

import re
from collections import Counter

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.scan_files import mr_bytes, ramp
from tests.support.server import Server, total, wait_for

STATUSES = {"200", "304", "400", "404", "405", "408", "413", "415", "422", "499", "503"}
ROUTES = {
    "/", "/docs.json", "/schema.json", "/predict", "/heatmap", "/meta", "/metrics", "/livez", "/readyz", "/healthz",
    "/predictions", "/drift", "/performance", "/feedback", "/reports/drift", "unknown",
}  # fmt: skip
CLOSED = {
    "route": ROUTES,
    "endpoint": ROUTES - {"unknown"},
    "status": STATUSES | {"500"},  # from zero on
    "http_response_code": STATUSES | {"500"},  # BentoML makes that series at its start, at 0
    "module": {"brain-tumor"},
    "label": {"Tumor", "No Tumor"},
    "decision": {"confident", "uncertain"},
    "stage": {"decode", "preprocess", "infer", "measure", "explain", "overlay"},
    "format": {"png", "jpeg", "dicom"},
    "warning": {"out_of_distribution", "other_modality", "burned_in_annotation", "burned_in_annotation_possible"},
    "reason": {
        "malformed-request", "upload-timeout", "unknown-module", "overloaded", "unsupported-format", "scan-too-large",
        "malformed-scan", "unsupported-scan", "frame-out-of-range", "burned-in-annotation", "wrong-modality",
        "unknown-prediction", "unknown-label", "log-unavailable", "report-unavailable",
    },
    "outcome": {"written", "spooled", "refused"},
    "backend": {"sqlite", "postgresql"},
    "runner_name": {"imip"},
    "service_name": {"imip"},
    "process": {"api"},
    "actual": {"Tumor"},
    "identity_removed": {"yes", "no", "undeclared"},
    "burned_in": {"yes", "no", "undeclared"},
}  # fmt: skip
UNITS = "seconds|bytes|ratio|rows|rows_limit|findings|total|info|in_flight|places|workers|ready|available|computing"
OURS = re.compile(rf"imip(_[a-z]+)*_({UNITS}|detected|statistic|threshold|p_value)")


def series(server: Server) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """All series, those that differ by worker alone counted once."""
    return {
        (sample.name, frozenset((name, value) for name, value in sample.labels.items() if name != "pid"))
        for sample in server.samples()
    }


def wild_requests(server: Server, png: bytes, seed: int, count: int) -> Counter[int]:
    """Many requests of invented paths, methods, modules, fields, file names and files."""
    generator = np.random.default_rng(seed)
    statuses: Counter[int] = Counter()
    with server.client() as client:
        for number in range(count):
            word = f"{seed}x{generator.integers(10**9)}"
            answers: list[httpx.Response] = [
                client.request("GET", f"/{word}?{word}={word}"),
                client.request(f"M{word}".upper(), "/predict"),
                client.request("POST", "/meta", headers={"User-Agent": word, word: word}),
                client.post("/predict", files={"file": (word, png)}, data={"module": word}),
                client.post("/predict", files={"file": (word, word.encode())}, headers={"Accept": word}),
                client.post("/predict", files={"file": (word, png)}, data={"frame": str(number + 1)}),
                client.post("/predict", files={word: (word, png)}),
                client.post("/predict", files={"file": (word, mr_bytes(ramp(), Modality="MR")[:-300], word)}),
            ]
            statuses.update(answer.status_code for answer in answers)
    return statuses


def test_wild_requests_make_no_new_series(server: Server, png: bytes) -> None:
    assert server.http.post("/predict", files={"file": png}).status_code == 200
    first = wild_requests(server, png, seed=1, count=2)
    assert set(first) == {400, 404, 405, 415, 422}
    server.samples()
    before = series(server)
    assert wild_requests(server, png, seed=2, count=30).total() == 240
    assert series(server) == before


def test_labels_come_from_closed_sets(server: Server) -> None:
    pids = {str(worker.pid) for worker in server.workers()}
    for sample in server.samples():
        for name, value in sample.labels.items():
            if name in CLOSED:
                static = name in ("route", "endpoint") and value.startswith("/static_content/swagger-ui")
                assert value in CLOSED[name] or static, (sample.name, name, value)
            else:
                assert name in {"le", "version", "python", "bentoml", "service_version", "pid"}, (sample.name, name)
            assert name != "pid" or value in pids


def test_counters_agree_with_the_requests_sent(server: Server, png: bytes, head: bytes) -> None:
    def counts() -> dict[str, float]:
        samples = server.samples()
        return {
            "predict": total(samples, "imip_request_duration_seconds_count", route="/predict", status="200"),
            "heatmap": total(samples, "imip_request_duration_seconds_count", route="/heatmap", status="200"),
            "unknown": total(samples, "imip_request_duration_seconds_count", route="unknown", status="404"),
            "predictions": total(samples, "imip_predictions_total"),
            "decisions": total(samples, "imip_decisions_total"),
            "confidences": total(samples, "imip_confidence_ratio_count"),
            "decoded": total(samples, "imip_stage_duration_seconds_count", stage="decode"),
            "explained": total(samples, "imip_stage_duration_seconds_count", stage="explain"),
            "drawn": total(samples, "imip_stage_duration_seconds_count", stage="overlay"),
            "png": total(samples, "imip_upload_size_bytes_count", format="png"),
            "dicom": total(samples, "imip_upload_size_bytes_count", format="dicom"),
            "bytes": total(samples, "imip_upload_size_bytes_sum", format="png"),
            "unknown-module": total(samples, "imip_rejections_total", reason="unknown-module"),
            "Tumor": total(samples, "imip_predictions_total", label="Tumor"),
            "No Tumor": total(samples, "imip_predictions_total", label="No Tumor"),
            "malformed-scan": total(samples, "imip_rejections_total", reason="malformed-scan"),
        }

    before = counts()
    labels: Counter[str] = Counter()
    for scan in (png, head, png, head, mr_bytes(ramp())):
        labels[server.http.post("/predict", files={"file": scan}).json()["label"]] += 1
    for scan in (png, head, head):
        as_json = server.http.post("/heatmap", files={"file": scan}, headers={"Accept": "application/json"})
        labels[as_json.json()["label"]] += 1
    for _ in range(3):
        server.http.get("/nowhere")
        server.http.post("/predict", files={"file": png}, data={"module": "lung"})
    server.http.post("/predict", files={"file": png[:-30]})
    expected = {
        "predict": 5, "heatmap": 3, "unknown": 3, "predictions": 8, "decisions": 8, "confidences": 8, "decoded": 8,
        "explained": 3, "drawn": 3, "png": 7, "dicom": 1, "bytes": 3 * len(png) + 4 * len(head), "unknown-module": 3,
        "malformed-scan": 1,
    }  # fmt: skip

    grown: dict[str, float] = {}

    def settled() -> bool:  # requests are counted after the answer has left
        grown.update({name: value - before[name] for name, value in counts().items()})
        return grown["predict"] >= 5 and grown["heatmap"] >= 3 and grown["unknown"] >= 3

    wait_for(settled)
    assert grown == expected | {name: labels[name] for name in ("Tumor", "No Tumor")}


def test_our_names_have_one_prefix_and_a_unit_and_say_what_they_are(server: Server) -> None:
    families = [
        family
        for family in text_string_to_metric_families(server.http.get("/metrics").text)
        if not family.name.startswith("bentoml_")
    ]
    assert len(families) >= 9
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert OURS.fullmatch(name), name
        assert family.documentation
        assert not any(label.startswith("__") for sample in family.samples for label in sample.labels)


@pytest.mark.parametrize("name", ["imip_build_info", "imip_model_info"])
def test_infos_are_one_whatever_the_number_of_workers(server: Server, name: str) -> None:
    (sample,) = [sample for sample in server.samples() if sample.name == name]
    assert sample.value == 1
    if name == "imip_model_info":
        (module,) = server.http.get("/meta").json()["modules"]
        assert sample.labels == {"module": module["name"], "version": module["version"]}


def test_an_edge_of_the_latency_histogram_lies_on_each_objective(server: Server) -> None:
    edges = {s.labels["le"] for s in server.samples() if s.name == "imip_request_duration_seconds_bucket"}
    assert {"0.25", "1.0", "+Inf"} <= edges


def test_nothing_is_in_flight_but_the_question_itself(server: Server) -> None:
    wait_for(lambda: server.value("imip_requests_in_flight") == 1)
