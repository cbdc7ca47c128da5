"""A service as docker-compose.yml lays it out, watched by real programs: API, drift monitor alone, Prometheus.

It is sent all that dashboards show, and keeps count of it: findings, pictures, DICOM declarations, bad files, a full
server, a drift and reviewers' labels.
"""

import contextlib
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imip.explain.heatmap import encode_png
from monitoring.database import connect
from monitoring.drift.simulation.distortions import distort
from tests.support.programs import program
from tests.support.scan_files import data_set, dicom_bytes, mr_bytes, png_bytes
from tests.support.server import REPOSITORY, Server, free_port, half_sent, problem, starting, wait_for
from tools.benchmarks.drill.environment import use_log_as_reference
from tools.benchmarks.drill.prometheus import PrometheusServer, running_prometheus
from tools.benchmarks.phantoms import phantom

MODULE = "brain-tumor"
WINDOW = 60
RULE = f'{{"{MODULE}": {{"window": {WINDOW}, "every": 20, "seconds": 2, "p_value": 0.003, "permutations": 1999}}}}'
HELD = 2  # requests that the API's one worker holds at once
CHECK_SECONDS = 120.0  # for a check that comes after TensorFlow was loaded
EXPORT_SECONDS = 60.0  # within which the monitor exports what reviewers said
SAMPLES = REPOSITORY / "samples"
BAD_FILES = {
    "unsupported-format": b"hello",
    "malformed-scan": encode_png(phantom(0))[:500],
    "scan-too-large": png_bytes(60_000, 60_000, 8, 0, b""),
    "unsupported-scan": dicom_bytes(data_set()),
}
DECLARATIONS = {  # by what the DICOM file says of itself: labels of the metric
    ("YES", "NO"): ("yes", "no"),
    ("YES", "YES"): ("yes", "yes"),
    ("NO", "NO"): ("no", "no"),
    (None, None): ("undeclared", "undeclared"),
}
PAGES = ("/meta", "/predictions", "/performance", "/drift", "/livez", "/readyz", "/metrics", "/no-such-page")


@dataclass(slots=True)
class Observed:
    """What was sent, who watched, and what an operator must therefore see."""

    api: Server
    observer: PrometheusServer
    began: float  # seconds since the epoch
    labels: Counter[str] = field(default_factory=Counter)  # of findings
    formats: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)  # by reason
    declared: Counter[tuple[str, str]] = field(default_factory=Counter)  # (identity removed, burned in)
    reviewed: Counter[tuple[str, str]] = field(default_factory=Counter)  # (actual, predicted)
    requests: list[tuple[str, str]] = field(default_factory=list)  # (request id, label)

    def value(self, expr: str) -> float:
        """Return the one value that an expression has now."""
        (series,) = self.observer.query(expr)
        return series.last

    def is_seen(self, expr: str) -> bool:
        """Tell whether an expression has any value now."""
        return bool(self.observer.query(expr))

    def predict(self, file: bytes, route: str = "/predict") -> None:
        answer = self.api.http.post(route, files={"file": file}, headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        finding = answer.json()
        self.labels[finding["label"]] += 1
        self.formats[finding["scan"]["format"]] += 1
        self.requests.append((finding["request_id"], finding["label"]))

    def predict_all(self, slices: Sequence[NDArray[np.uint8]]) -> None:
        for pixels in slices:
            self.predict(encode_png(pixels))

    def refuse(self, reason: str, status: int, **form: Any) -> None:
        answer = problem(self.api.http.post("/predict", **form), status)
        assert answer["type"].endswith(reason)
        self.rejected[reason] += 1

    def review(self, request: tuple[str, str], actual: str) -> None:
        answer = self.api.http.post("/feedback", json={"request_id": request[0], "label": actual})
        assert answer.status_code == 200, answer.text
        self.reviewed[actual, request[1]] += 1


@contextmanager
def observed(root: Path) -> Iterator[Observed]:
    """A service that has met everything, while Prometheus watches; stopped at the end."""
    program("prometheus")
    folders = {name: root / name for name in ("api", "monitor", "prometheus", "alertmanager")}
    for folder in folders.values():
        folder.mkdir()
    database = f"sqlite:///{root / 'predictions.sqlite3'}"
    settings = {"IMIP_DATABASE_URL": database, "IMIP_DRIFT": RULE, "IMIP_WORKERS": "1"}
    with ExitStack() as stack:
        api = stack.enter_context(starting(folders["api"], IMIP_MAX_IN_FLIGHT=str(HELD), **settings))
        monitor = stack.enter_context(starting(folders["monitor"], IMIP_DRIFT_MONITOR="alone", **settings))
        for server in (api, monitor):
            server.wait_until_ready()
        targets = {
            "imip": [f"127.0.0.1:{api.port}"],
            "imip-drift-monitor": [f"127.0.0.1:{monitor.port}"],
            "alertmanager": [stack.enter_context(alertmanager(folders["alertmanager"]))],
        }
        began = time.time()
        seen = Observed(api, stack.enter_context(running_prometheus(folders["prometheus"], targets)), began)
        wait_for(lambda: seen.is_seen("sum(up) == 4"), 30)
        send_everything(seen)
        drift(seen, database)
        reviewed = f"sum(imip_labelled_findings) == {seen.reviewed.total()}"
        wait_for(lambda: seen.is_seen(reviewed), EXPORT_SECONDS)
        wait_for(lambda: seen.value("sum(imip_predictions_total)") == seen.labels.total(), 30)
        wait_for_rules(seen.observer)
        yield seen


def wait_for_rules(observer: PrometheusServer) -> None:
    """Wait until every rule was evaluated twice: one may read what another records."""
    for _ in range(2):
        now = datetime.now(UTC)

        def evaluated(since: datetime = now) -> bool:
            return all(datetime.fromisoformat(rule["lastEvaluation"]) > since for rule in observer.rules())

        wait_for(evaluated, 30)


@contextmanager
def alertmanager(folder: Path) -> Iterator[str]:
    """The repository's Alertmanager, at the address yielded; no alert is sent to it, only its metrics are wanted."""
    address = f"127.0.0.1:{free_port()}"
    options = {
        "config.file": REPOSITORY / "alertmanager.yml",
        "storage.path": folder / "data",
        "web.listen-address": address,
        "cluster.listen-address": "",
    }
    with (folder / "log").open("wb") as log:
        command = [
            program("prometheus-alertmanager", "alertmanager"),
            *(f"--{name}={value}" for name, value in options.items()),
        ]
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield address
    finally:
        process.terminate()
        process.wait(15)


def send_everything(seen: Observed) -> None:
    """Every kind of request, but no drift yet."""
    seen.predict_all([phantom(seed) for seed in range(160)])
    for name in ("brain-axial.png", "brain-axial.jpg", "brain-axial.dcm", "brain-axial-lesion.png"):
        seen.predict((SAMPLES / name).read_bytes(), "/heatmap")
    seen.declared["undeclared", "no"] += 1  # brain-axial.dcm
    for (identity, annotation), declared in DECLARATIONS.items():
        said = {"PatientIdentityRemoved": identity, "BurnedInAnnotation": annotation}
        seen.predict(mr_bytes(phantom(1), **{name: value for name, value in said.items() if value}))
        seen.declared[declared] += 1
    for (reason, file), status in zip(BAD_FILES.items(), (415, 422, 413, 422), strict=True):
        seen.refuse(reason, status, files={"file": file})
    frames = (SAMPLES / "brain-multiframe.dcm").read_bytes()
    seen.refuse("frame-out-of-range", 422, files={"file": frames}, data={"frame": "99"})
    seen.refuse("unknown-module", 422, files={"file": BAD_FILES["malformed-scan"]}, data={"module": "lung"})
    seen.refuse("malformed-request", 400, content=b"no form")
    fill_the_server(seen)
    for page in PAGES:
        seen.api.http.get(page)
    for number, request in enumerate(seen.requests[:60]):
        wrong = {"Tumor": "No Tumor", "No Tumor": "Tumor"}[request[1]]
        seen.review(request, wrong if number % 4 == 0 else request[1])


def fill_the_server(seen: Observed) -> None:
    """Hold every place with uploads that do not go on, and be turned away."""
    with contextlib.ExitStack() as uploads:
        for _ in range(HELD):
            uploads.enter_context(half_sent(seen.api, b"\x89PNG"))
        wait_for(lambda: seen.api.value("imip_requests_in_flight", route="/predict") == HELD)
        for _ in range(12):
            seen.refuse("overloaded", 503, files={"file": b""})
    wait_for(lambda: seen.api.value("imip_requests_in_flight", route="/predict") == 0)


def drift(seen: Observed, database: str) -> None:
    """Take what was sent as the reference, see it undrifted, then blur."""
    engine = connect(database)
    made = use_log_as_reference(engine)
    engine.dispose()
    seen.predict_all([phantom(seed) for seed in range(1000, 1080)])
    in_use = f'imip_drift_reference_info{{version="{made.version}"}} == 1'
    wait_for(lambda: seen.is_seen(in_use), CHECK_SECONDS)
    rng = np.random.default_rng(0)
    seen.predict_all([distort(phantom(seed), "blur", 5, rng) for seed in range(2000, 2000 + 2 * WINDOW)])
    last = seen.api.http.get("/predictions", params={"limit": 1}).json()["predictions"][0]["at"]
    wait_for(lambda: last_check(seen.api)["until"] == last, CHECK_SECONDS)
    made_at = datetime.fromisoformat(last_check(seen.api)["at"]).timestamp()
    wait_for(lambda: seen.is_seen(f"imip_drift_last_check_timestamp_seconds > {made_at - 0.01:f}"), EXPORT_SECONDS)


def last_check(api: Server) -> dict[str, Any]:
    check: dict[str, Any] = api.http.get("/drift").json()["modules"][MODULE]
    return check
