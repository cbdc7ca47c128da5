"""The traffic of a drill: steady scans, a flood, invalid files, and feedback that contradicts predictions.

Each kind of traffic ends after some seconds, or earlier when a condition is true.
"""

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException

import httpx
import numpy as np

from monitoring.drift.simulation import load_generator
from monitoring.drift.simulation.load_generator import Pace, SourceScan, encode
from monitoring.drift.simulation.scenarios import NONE
from tools.benchmarks.phantoms import phantom
from tools.benchmarks.server import Server, send

MODULE = "brain-tumor"
PHANTOMS = 1_000
CLIENTS = 48  # in the flood
PAUSE_SECONDS = 0.2  # of a client whose request was not accepted; it ignores Retry-After
POLL_SECONDS = 0.2
FASTEST = 1_000.0  # scans per second; faster than any server
MISSED, DETECTED = 40, 20  # predictions that reviewers label as missed and as detected tumors
PAGE_SIZE = 200  # predictions in one response

IsDone = Callable[[], bool]


def phantom_scans() -> list[SourceScan]:
    """Return phantoms, for a drill without data."""
    return [SourceScan(encode(phantom(seed), "png"), "png", "drawn") for seed in range(PHANTOMS)]


@dataclass(slots=True)
class Traffic:
    """Sends requests to one server."""

    server: Server
    sources: Sequence[SourceScan]
    rate: float  # scans per second of steady traffic
    rng: np.random.Generator

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def steady(self, seconds: float, is_done: IsDone, kind: str = NONE, severity: int = 1) -> str:
        """Send scans at the steady rate, with a drift if `kind` is given. Return a summary of the responses."""
        scans = self._scans(seconds * self.rate, kind, severity)
        tally = load_generator.send(
            self.url, _take_until(is_done, scans), module=MODULE, pace=Pace(self.rate), seconds=seconds
        )
        return _summary(tally.statuses)

    def at_once(self, count: int) -> None:
        """Send scans one after another, without pause."""
        load_generator.send(self.url, self._scans(count), module=MODULE, pace=Pace(FASTEST))

    def flood(self, seconds: float, is_done: IsDone) -> str:
        """Send scans from many clients without pause. Return a summary of the responses."""
        end = time.monotonic() + seconds

        def client(number: int) -> Counter[int]:
            statuses: Counter[int] = Counter()
            connection = self.server.connect()
            for scan in itertools.cycle(self.sources[number % len(self.sources) :]):
                if is_done() or time.monotonic() > end:
                    break
                try:
                    status = send(connection, "/predict", scan.data)[0]
                except (OSError, HTTPException):
                    status = 0
                    connection.close()
                statuses[status] += 1
                if status != 200:
                    time.sleep(PAUSE_SECONDS)
            connection.close()
            return statuses

        with ThreadPoolExecutor(CLIENTS) as pool:
            return _summary(sum(pool.map(client, range(CLIENTS)), Counter()))

    def garbage_and_misses(self, seconds: float, is_done: IsDone) -> str:
        """Send wrong feedback, then valid scans and as many invalid files. Return a summary of the responses."""
        reviewed = self._review()
        scans = self._scans(seconds * self.rate / 2)
        invalid = (b"This is no scan.", self.rng.bytes(4_000), encode(phantom(0), "png")[:500], b"")
        files = itertools.chain.from_iterable(zip(scans, itertools.cycle(invalid), strict=False))
        pace, statuses = Pace(self.rate), Counter[int]()
        for file in _take_until(is_done, files):
            pace.wait()
            if pace.elapsed >= seconds:
                break
            with contextlib.closing(self.server.connect()) as connection:
                statuses[send(connection, "/predict", file)[0]] += 1
        return f"{reviewed}; {_summary(statuses)}"

    def outage(self, seconds: float, is_done: IsDone) -> str:
        """Stop the server, as if by mistake. Return a summary."""
        self.server.process.terminate()
        end = time.monotonic() + seconds
        while not is_done() and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        return "the server was stopped"

    def _scans(self, count: float, kind: str = NONE, severity: int = 1) -> Iterator[bytes]:
        return load_generator.traffic(self.sources, kind, severity, max(1, round(count)), self.rng)

    def _review(self) -> str:
        """Label many predictions without a tumor as tumors, and confirm some predictions of a tumor."""
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            tumor, other = client.get("/meta").json()["modules"][0]["labels"]
            reviewed = {}
            for predicted, count in ((other, MISSED), (tumor, DETECTED)):
                parameters = {"module": MODULE, "label": predicted, "limit": PAGE_SIZE}
                predictions = client.get("/predictions", params=parameters).raise_for_status().json()["predictions"]
                reviewed[predicted] = [prediction["request_id"] for prediction in predictions][:count]
            for request in itertools.chain.from_iterable(reviewed.values()):
                client.post("/feedback", json={"request_id": request, "label": tumor}).raise_for_status()
        return f"{len(reviewed[other])} predictions labelled as missed, {len(reviewed[tumor])} as detected"


def _take_until(is_done: IsDone, files: Iterable[bytes]) -> Iterator[bytes]:
    return itertools.takewhile(lambda _: not is_done(), files)


def _summary(statuses: Counter[int]) -> str:
    answers = ", ".join(f"{count} x {status or 'none'}" for status, count in sorted(statuses.items()))
    return f"{statuses.total()} requests; answers: {answers}"
