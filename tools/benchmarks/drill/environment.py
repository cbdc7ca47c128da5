"""The environment of a drill: a server with its drift monitor and, if it is installed, Prometheus."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from imip.inference.artifact import read_card
from imip.settings import DriftSettings
from monitoring.database import connect
from monitoring.drift.checker import DriftChecker
from monitoring.drift.reference import Reference, artifact_reference, store
from monitoring.drift.simulation.load_generator import SourceScan
from monitoring.log.queries import Filter
from tools.benchmarks.drill.incidents import MODULE, Traffic
from tools.benchmarks.drill.prometheus import PrometheusServer, is_installed, running_prometheus
from tools.benchmarks.drill.timeline import alert_states
from tools.benchmarks.server import REPOSITORY, Server, serving

SCRAPE_SECONDS = 15.0  # between scrapes and between evaluations, as in prometheus.yml
CHECK_SECONDS = 180.0  # timeout of the first drift check, including the import of TensorFlow
NO_CHECK = "The drift monitor made no check."
WARM_UP_SCANS, REFERENCE_SCANS = 500, 20
ARTIFACT = REPOSITORY / "models" / MODULE


class Environment(NamedTuple):
    """The running programs of a drill."""

    traffic: Traffic
    prometheus: PrometheusServer | None


@contextmanager
def running_environment(
    home: Path,
    sources: Sequence[SourceScan],
    workers: int,
    rate: float,
    speed: float,
    own_reference: bool,
    rng: np.random.Generator,
) -> Iterator[Environment]:
    """Run all programs until the block ends.

    The reference for drift is the shipped one or, with `own_reference`, one that is made from the sources.
    """
    drift = {MODULE: {"seconds": DriftSettings().seconds / speed}}
    settings = {"IMIP_DRIFT_MONITOR": "beside", "IMIP_DRIFT": json.dumps(drift)}
    with serving(home, workers, **settings) as (server, _):
        traffic = Traffic(server, sources, rate, rng)
        warm_up(traffic)
        if own_reference:
            take_reference(traffic, home)
        with prometheus_of(home, server, speed) as prometheus:
            yield Environment(traffic, prometheus)


def warm_up(traffic: Traffic) -> None:
    """Wait until the drift monitor has loaded TensorFlow and made its first check."""
    traffic.at_once(WARM_UP_SCANS)
    wait_for(lambda: reference_of_last_check(traffic.url) is not None, NO_CHECK)


def take_reference(traffic: Traffic, home: Path) -> None:
    """Use the scans sent so far as the reference for drift, like `imip drift reference`."""
    engine = connect(f"sqlite:///{home / 'predictions.sqlite3'}")
    reference = use_log_as_reference(engine)
    engine.dispose()
    traffic.at_once(REFERENCE_SCANS)
    wait_for(lambda: reference_of_last_check(traffic.url) == reference.version, NO_CHECK)


def use_log_as_reference(engine: Engine) -> Reference:
    """Store all logged predictions as the reference for drift."""
    card = read_card(ARTIFACT)
    reference = DriftChecker(engine, card, artifact_reference(ARTIFACT, card), DriftSettings()).logged(Filter())
    if reference is None:
        raise SystemExit("Too few of the scans are independent for a reference.")
    store(engine, card, reference)
    return reference


def reference_of_last_check(url: str) -> str | None:
    """Return the version of the reference in the last drift check, None if there was no check."""
    modules = httpx.get(f"{url}/drift", trust_env=False).json()["modules"]
    return modules[MODULE]["reference"] if MODULE in modules else None


def wait_for(condition: Callable[[], bool], error: str) -> None:
    """Wait until a condition is true. Exit with `error` after a timeout."""
    end = time.monotonic() + CHECK_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(error)
        time.sleep(0.2)


@contextmanager
def prometheus_of(home: Path, server: Server, speed: float) -> Iterator[PrometheusServer | None]:
    """Run Prometheus until the block ends; yield None if it is not installed."""
    if not is_installed():
        print("Prometheus is not installed: NO ALERTS ARE TESTED, only /drift and /metrics are read.\n")
        yield None
        return
    folder = home / "prometheus"
    folder.mkdir()
    targets = {"imip": [f"127.0.0.1:{server.port}"]}
    with running_prometheus(folder, targets, speed, SCRAPE_SECONDS / speed) as prometheus:
        wait_for(
            lambda: "ImipDown" not in alert_states(prometheus) and is_up(prometheus),
            "Prometheus does not reach the server.",
        )
        yield prometheus


def is_up(prometheus: PrometheusServer) -> bool:
    return bool(prometheus.query('up{job="imip"} == 1'))


def read_counts(url: str) -> Counter[str]:
    """Return the predictions by label and rejections by reason from the metrics; empty if the server is down."""
    try:
        text = httpx.get(f"{url}/metrics", trust_env=False).text
    except httpx.TransportError:
        return Counter()
    counts: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "imip_predictions_total":
                counts[sample.labels["label"]] += int(sample.value)
            if sample.name == "imip_rejections_total":
                counts[sample.labels["reason"]] += int(sample.value)
    return counts


def describe_counts(counts: Counter[str]) -> str:
    """Return the counts as a sentence."""
    return f"Counted: {', '.join(f'{count} {name}' for name, count in counts.most_common()) or 'nothing'}."
