"""Prometheus and Alertmanager take their configurations, keep what they should, and send alerts where they belong."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.programs import program
from tests.support.server import REPOSITORY, free_port, wait_for

PROMETHEUS = REPOSITORY / "prometheus.yml"
ALERTMANAGER = REPOSITORY / "alertmanager.yml"


def ran(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def serving(folder: Path, *command: str | Path) -> Iterator[httpx.Client]:
    """Run a server of Prometheus' family on the loopback until it is ready; its log is `folder`/log."""
    port = free_port()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)

    def ready() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_for(ready, 30)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(30)


@contextmanager
def exporting(metrics: str) -> Iterator[str]:
    """A target that exports these metrics."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(metrics.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[httpx.Client]:
    """Alertmanager as it is shipped: no secret is there."""
    with serving(
        tmp_path,
        program("prometheus-alertmanager", "alertmanager"),
        f"--config.file={ALERTMANAGER}",
        f"--storage.path={tmp_path / 'data'}",
        "--cluster.listen-address=",
    ) as client:
        yield client


def test_prometheus_takes_its_configuration() -> None:
    assert "SUCCESS" in ran(program("promtool"), "check", "config", PROMETHEUS)


def test_alertmanager_takes_its_configuration() -> None:
    assert "SUCCESS" in ran(program("amtool"), "check-config", ALERTMANAGER)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=ImipDown", "severity=page", "job=imip"], "page"),
        (["alertname=ImipDriftDetected", "severity=ticket", "module=brain-tumor"], "ticket"),
        (["alertname=SomebodyElses", "severity=critical"], "ticket"),
        (["alertname=Bare"], "ticket"),
    ],
)
def test_an_alert_goes_where_its_severity_says_and_none_falls_through(labels: list[str], receiver: str) -> None:
    assert ran(program("amtool"), "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels).split() == [
        receiver
    ]


def test_a_server_of_ours_is_scraped_without_what_others_export_and_one_that_exports_too_much_is_refused(
    tmp_path: Path,
) -> None:
    prometheus = program("prometheus")
    ours = 'imip_build_info{version="1"} 1\nbentoml_service_request_total{endpoint="/x"} 5\npython_gc_objects 1\n'
    too_much = "".join(f'imip_predictions_total{{module="{n}"}} 1\n' for n in range(10_001))
    config = yaml.safe_load(PROMETHEUS.read_text(encoding="utf-8"))
    (job,) = (one for one in config["scrape_configs"] if one["job_name"] == "imip")
    del job["dns_sd_configs"]
    with exporting(ours) as sound, exporting(too_much) as flood:
        job |= {"static_configs": [{"targets": [sound, flood]}], "scrape_interval": "1s", "scrape_timeout": "1s"}
        del config["rule_files"]
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        files = [f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
        with serving(tmp_path, prometheus, *files) as client:

            def values(query: str) -> dict[str, str]:
                found = client.get("/api/v1/query", params={"query": query}).json()["data"]["result"]
                return {one["metric"].get("instance", one["metric"].get("__name__")): one["value"][1] for one in found}

            wait_for(lambda: values('up{job="imip"}') == {sound: "1", flood: "0"}, 20)
            assert values('count by (__name__) ({job="imip",__name__!~"up|scrape_.+|ALERTS.*"})') == {
                "imip_build_info": "1"
            }


SAME = 5  # answers in a row


def silenced(alertmanager: httpx.Client, *alerts: dict[str, str]) -> set[str]:
    """Post alerts and return the names of those that say no more than another of them.

    Alertmanager takes note of what inhibits a moment after the alerts are there, so the answer must come again.
    """
    assert alertmanager.post("/api/v2/alerts", json=[{"labels": alert} for alert in alerts]).status_code == 200
    answers: list[set[str]] = []

    def is_settled() -> bool:
        shown: list[dict[str, Any]] = alertmanager.get("/api/v2/alerts").json()
        if len(shown) == len(alerts):
            answers.append({one["labels"]["alertname"] for one in shown if one["status"]["inhibitedBy"]})
        return len(answers) >= SAME and all(answer == answers[-1] for answer in answers[-SAME:])

    wait_for(is_settled, 30)
    return answers[-1]


def test_when_no_server_answers_the_rest_of_its_job_is_quiet(alertmanager: httpx.Client) -> None:
    down = {"alertname": "ImipDown", "job": "imip", "severity": "page"}
    follows = {"alertname": "ImipTargetDown", "job": "imip", "instance": "a", "severity": "ticket"}
    other = {"alertname": "ImipLogUnavailable", "job": "another", "instance": "z", "severity": "page"}
    model = {"alertname": "ImipDriftDetected", "module": "brain-tumor", "severity": "ticket"}
    assert silenced(alertmanager, down, follows, other, model) == {"ImipTargetDown"}


def test_a_target_that_is_gone_silences_its_own_alerts_alone(alertmanager: httpx.Client) -> None:
    gone = {"alertname": "ImipTargetDown", "job": "imip", "instance": "a", "severity": "ticket"}
    its_own = {"alertname": "ImipLogInterrupted", "job": "imip", "instance": "a", "severity": "ticket"}
    another = {"alertname": "ImipLogUnavailable", "job": "imip", "instance": "b", "severity": "page"}
    stale = {"alertname": "ImipDriftStale", "module": "brain-tumor", "severity": "ticket"}
    assert silenced(alertmanager, gone, its_own, another, stale) == {"ImipLogInterrupted"}


def test_a_monitor_that_is_gone_explains_stale_drift(alertmanager: httpx.Client) -> None:
    gone = {"alertname": "ImipTargetDown", "job": "imip-drift-monitor", "instance": "m", "severity": "ticket"}
    stale = {"alertname": "ImipDriftStale", "module": "brain-tumor", "severity": "ticket"}
    detected = {"alertname": "ImipDriftDetected", "module": "brain-tumor", "severity": "ticket"}
    assert silenced(alertmanager, gone, stale, detected) == {"ImipDriftStale"}


def test_a_log_that_is_gone_explains_refusals_but_not_a_journal_that_fills(alertmanager: httpx.Client) -> None:
    here = {"job": "imip", "instance": "a"}
    gone = {"alertname": "ImipLogUnavailable", "severity": "page", **here}
    refused = {"alertname": "ImipPredictionsRefused", "severity": "page", **here}
    unready = {"alertname": "ImipNoWorkerReady", "severity": "page", "job": "imip"}
    filling = {"alertname": "ImipJournalFilling", "severity": "page", **here}
    assert silenced(alertmanager, gone, refused, unready, filling) == {"ImipPredictionsRefused", "ImipNoWorkerReady"}


def test_of_one_objective_the_fastest_burn_speaks_and_a_page_silences_no_ticket_of_another(
    alertmanager: httpx.Client,
) -> None:
    def burn(name: str, severity: str, objective: str) -> dict[str, str]:
        return {"alertname": name, "severity": severity, "objective": objective, "job": "imip"}

    fast = burn("ImipAvailabilityBurnsFast", "page", "availability")
    burns = burn("ImipAvailabilityBurns", "page", "availability")
    slowly = burn("ImipAvailabilityBurnsSlowly", "ticket", "availability")
    latency = burn("ImipLatencyBurnsSlowly", "ticket", "latency")
    ticket = {"alertname": "ImipShedding", "severity": "ticket", "job": "imip"}
    assert silenced(alertmanager, fast, burns, slowly, latency, ticket) == {
        "ImipAvailabilityBurns",
        "ImipAvailabilityBurnsSlowly",
    }
