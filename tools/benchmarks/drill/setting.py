"""Where a rehearsal plays: a real server with its drift monitor, warm, and a Prometheus where there is one."""

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
from tools.benchmarks.drill.prometheus import Observer, is_installed, observing
from tools.benchmarks.drill.timeline import states
from tools.benchmarks.server import REPOSITORY, Server, serving

SCRAPE_SECONDS = 15.0  # and evaluation, as in prometheus.yml
CHECK_SECONDS = 180.0  # for a drift check that comes after TensorFlow was loaded
UNCHECKED = "The drift monitor made no check."
WARM_UP, SETTLING = 500, 20  # scans
ARTIFACT = REPOSITORY / "models" / MODULE


class Stage(NamedTuple):
    """What a rehearsal needs."""

    traffic: Traffic
    observer: Observer | None


@contextmanager
def staged(
    home: Path,
    sources: Sequence[SourceScan],
    workers: int,
    rate: float,
    speed: float,
    own_reference: bool,
    rng: np.random.Generator,
) -> Iterator[Stage]:
    """Run everything until the block ends; drift is measured from the shipped reference, or from one of the sources."""
    drift = {MODULE: {"seconds": DriftSettings().seconds / speed}}
    settings = {"IMIP_DRIFT_MONITOR": "beside", "IMIP_DRIFT": json.dumps(drift)}
    with serving(home, workers, **settings) as (server, _):
        traffic = Traffic(server, sources, rate, rng)
        warm_up(traffic)
        if own_reference:
            take_reference(traffic, home)
        with watched(home, server, speed) as observer:
            yield Stage(traffic, observer)


def warm_up(traffic: Traffic) -> None:
    """Let the drift monitor load TensorFlow and make its first check."""
    traffic.at_once(WARM_UP)
    wait_for(lambda: reference_of_last_check(traffic.url) is not None, UNCHECKED)


def take_reference(traffic: Traffic, home: Path) -> None:
    """Measure drift from what was sent so far, as `imip drift reference` would."""
    engine = connect(f"sqlite:///{home / 'predictions.sqlite3'}")
    made = use_log_as_reference(engine)
    engine.dispose()
    traffic.at_once(SETTLING)
    wait_for(lambda: reference_of_last_check(traffic.url) == made.version, UNCHECKED)


def use_log_as_reference(engine: Engine) -> Reference:
    """Measure drift from all that is logged."""
    card = read_card(ARTIFACT)
    made = DriftChecker(engine, card, artifact_reference(ARTIFACT, card), DriftSettings()).logged(Filter())
    if made is None:
        raise SystemExit("Too few of the scans are independent for a reference.")
    store(engine, card, made)
    return made


def reference_of_last_check(url: str) -> str | None:
    """Return the version of the reference of the last drift check, if there was one."""
    modules = httpx.get(f"{url}/drift", trust_env=False).json()["modules"]
    return modules[MODULE]["reference"] if MODULE in modules else None


def wait_for(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait until something is so, and end with `otherwise` if it does not come."""
    end = time.monotonic() + CHECK_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(otherwise)
        time.sleep(0.2)


@contextmanager
def watched(home: Path, server: Server, speed: float) -> Iterator[Observer | None]:
    """Run Prometheus where it is installed."""
    if not is_installed():
        print("Prometheus is not installed: ALERTS ARE NOT REHEARSED, only /drift and /metrics are followed.\n")
        yield None
        return
    folder = home / "prometheus"
    folder.mkdir()
    targets = {"imip": [f"127.0.0.1:{server.port}"]}
    with observing(folder, targets, speed, SCRAPE_SECONDS / speed) as observer:
        wait_for(
            lambda: "ImipDown" not in states(observer) and is_up(observer), "Prometheus does not reach the server."
        )
        yield observer


def is_up(observer: Observer) -> bool:
    return bool(observer.query('up{job="imip"} == 1'))


def counted(url: str) -> Counter[str]:
    """Return what the service says it has answered and refused, by name; nothing where it is gone."""
    try:
        text = httpx.get(f"{url}/metrics", trust_env=False).text
    except httpx.TransportError:
        return Counter()
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "imip_predictions_total":
                found[sample.labels["label"]] += int(sample.value)
            if sample.name == "imip_rejections_total":
                found[sample.labels["reason"]] += int(sample.value)
    return found


def described(counts: Counter[str]) -> str:
    """Say what was counted."""
    return f"Counted: {', '.join(f'{count} {name}' for name, count in counts.most_common()) or 'nothing'}."
