"""Run a local Prometheus with the configuration and rules of this repository.

Only targets, paths and times are changed. `speed` divides every duration in the rules, so that a drill takes minutes
instead of hours. `interval` is the time between scrapes and between evaluations, in seconds.
"""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import yaml

from tools.benchmarks.drill.compression import compressed, seconds_of
from tools.benchmarks.server import REPOSITORY

PROGRAM = "prometheus"
CONFIGURATION = REPOSITORY / "prometheus.yml"
RULES = REPOSITORY / "prometheus" / "rules"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
LOOKBACK = 300.0  # seconds, the default of Prometheus: how long the last value of a series is used

Targets = Mapping[str, Sequence[str]]  # addresses by job


class Series(NamedTuple):
    """One series of a response, oldest value first."""

    labels: dict[str, str]
    values: list[tuple[float, float]]  # (time, value)

    @property
    def last(self) -> float:
        return self.values[-1][1]


class QueryError(Exception):
    """Prometheus rejected a query, or returned a warning with the result."""


@dataclass(frozen=True, slots=True)
class PrometheusServer:
    """A running Prometheus."""

    url: str
    http: httpx.Client

    def query(self, expr: str, at: float | None = None) -> list[Series]:
        """Evaluate an expression now, or at a time. Raises QueryError."""
        data = self._request("query", query=expr, **({} if at is None else {"time": at}))
        if data["resultType"] in ("scalar", "string"):
            return [_series({"metric": {}, "value": data["result"]})]
        return [_series(one) for one in data["result"]]

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """Evaluate an expression over a time range. Raises QueryError."""
        data = self._request("query_range", query=expr, start=start, end=end, step=step)
        return [_series(one) for one in data["result"]]

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules with their health."""
        return [rule for group in self._request("rules")["groups"] for rule in group["rules"]]

    def alerts(self) -> list[dict[str, Any]]:
        """Return all pending and firing alerts."""
        alerts: list[dict[str, Any]] = self._request("alerts")["alerts"]
        return alerts

    def _request(self, endpoint: str, **parameters: str | float) -> Any:
        answer = (
            self.http.post(f"/api/v1/{endpoint}", data=parameters)
            if parameters
            else self.http.get(f"/api/v1/{endpoint}")
        )
        body = answer.json()
        if body["status"] != "success":
            raise QueryError(body["error"])
        if messages := [*body.get("warnings", ()), *body.get("infos", ())]:
            raise QueryError("; ".join(messages))
        return body["data"]


def is_installed() -> bool:
    """Return whether Prometheus is installed."""
    return shutil.which(PROGRAM) is not None


@contextmanager
def running_prometheus(
    folder: Path, targets: Targets, speed: float = 1.0, interval: float = 1.0
) -> Iterator[PrometheusServer]:
    """Run Prometheus until the block ends, with all its files in `folder`. Jobs without targets are left out."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    file = write_configuration(folder, {**targets, "prometheus": [address]}, speed, interval)
    command = [
        PROGRAM,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        f"--query.lookback-delta={max(1, round(1000 * LOOKBACK / speed))}ms",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=30, trust_env=False) as http:
            _wait_until_ready(http, process, folder / "log")
            yield PrometheusServer(f"http://{address}", http)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def write_configuration(folder: Path, targets: Targets, speed: float, interval: float) -> Path:
    """Write configuration and rules. Return the path of the configuration."""
    shipped = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    shipped_interval = seconds_of(shipped["global"]["evaluation_interval"])
    duration = f"{round(1000 * interval)}ms"
    rules = folder / "rules"
    rules.mkdir()
    for file in RULES.glob("*.yml"):
        groups = compressed(yaml.safe_load(file.read_text(encoding="utf-8")), speed, shipped_interval / interval)
        (rules / file.name).write_text(yaml.safe_dump(groups), encoding="utf-8")
    configuration = {
        "global": {"scrape_interval": duration, "scrape_timeout": duration, "evaluation_interval": duration},
        "rule_files": [str(rules / "*.yml")],
        "scrape_configs": [
            _with_static_targets(job, targets) for job in shipped["scrape_configs"] if job["job_name"] in targets
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return path


def _with_static_targets(job: dict[str, Any], targets: Targets) -> dict[str, Any]:
    """Return a job with static targets instead of service discovery."""
    kept = {name: value for name, value in job.items() if not name.endswith("_sd_configs")}
    kept.pop("scrape_interval", None)
    kept.pop("scrape_timeout", None)
    return {**kept, "static_configs": [{"targets": list(targets[job["job_name"]])}]}


def _wait_until_ready(http: httpx.Client, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > end:
            sys.exit(f"Prometheus did not start:\n{log.read_text(encoding='utf-8')[-4000:]}")
        try:
            if http.get("/-/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)


def _series(one: dict[str, Any]) -> Series:
    pairs = one["values"] if "values" in one else [one["value"]]
    return Series(one["metric"], [(float(at), float(value)) for at, value in pairs])
