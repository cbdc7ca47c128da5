"""What the phases of a rehearsal send: steady scans, a flood, garbage, and reviewers who contradict.

All of it is bounded: each ends when it is told to, or after so many seconds.
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
CLIENTS = 48  # of the flood
PAUSE_SECONDS = 0.2  # of one of them that was turned away; it does not listen to Retry-After
POLL_SECONDS = 0.2
FASTEST = 1_000.0  # scans a second; no server answers so many one after another
MISSED, FOUND = 40, 20  # scans that reviewers say were missed, or were found
PAGE = 200  # predictions asked for at once

Done = Callable[[], bool]


def drawn() -> list[SourceScan]:
    """Return scans for whoever has none."""
    return [SourceScan(encode(phantom(seed), "png"), "png", "drawn") for seed in range(PHANTOMS)]


@dataclass(slots=True)
class Traffic:
    """What one server is sent."""

    server: Server
    sources: Sequence[SourceScan]
    rate: float  # scans a second, where nothing else is said
    rng: np.random.Generator

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def steady(self, seconds: float, done: Done, kind: str = NONE, severity: int = 1) -> str:
        """Send scans one after another, as a drift would. Say what came of it, as all of these do."""
        scans = self._scans(seconds * self.rate, kind, severity)
        tally = load_generator.send(self.url, _until(done, scans), module=MODULE, pace=Pace(self.rate), seconds=seconds)
        return _told(tally.statuses)

    def at_once(self, count: int) -> None:
        """Send so many scans as fast as they are answered."""
        load_generator.send(self.url, self._scans(count), module=MODULE, pace=Pace(FASTEST))

    def flood(self, seconds: float, done: Done) -> str:
        """Let a crowd send as fast as it is answered."""
        end = time.monotonic() + seconds

        def client(number: int) -> Counter[int]:
            statuses: Counter[int] = Counter()
            connection = self.server.connect()
            for scan in itertools.cycle(self.sources[number % len(self.sources) :]):
                if done() or time.monotonic() > end:
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
            return _told(sum(pool.map(client, range(CLIENTS)), Counter()))

    def garbage_and_misses(self, seconds: float, done: Done) -> str:
        """Let reviewers contradict; then send scans, and as many files that are none or are damaged."""
        reviewed = self._review()
        scans = self._scans(seconds * self.rate / 2)
        bad = (b"This is no scan.", self.rng.bytes(4_000), encode(phantom(0), "png")[:500], b"")
        files = itertools.chain.from_iterable(zip(scans, itertools.cycle(bad), strict=False))
        pace, statuses = Pace(self.rate), Counter[int]()
        for file in _until(done, files):
            pace.wait()
            if pace.elapsed >= seconds:
                break
            with contextlib.closing(self.server.connect()) as connection:
                statuses[send(connection, "/predict", file)[0]] += 1
        return f"{reviewed}; {_told(statuses)}"

    def outage(self, seconds: float, done: Done) -> str:
        """End the server, as an operator who errs would."""
        self.server.process.terminate()
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        return "the server was stopped"

    def _scans(self, count: float, kind: str = NONE, severity: int = 1) -> Iterator[bytes]:
        return load_generator.traffic(self.sources, kind, severity, max(1, round(count)), self.rng)

    def _review(self) -> str:
        """Let reviewers say of many findings without a tumor that there was one, and agree with some that have one."""
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            tumor, other = client.get("/meta").json()["modules"][0]["labels"]
            said = {}
            for predicted, wanted in ((other, MISSED), (tumor, FOUND)):
                asked = {"module": MODULE, "label": predicted, "limit": PAGE}
                findings = client.get("/predictions", params=asked).raise_for_status().json()["predictions"]
                said[predicted] = [finding["request_id"] for finding in findings][:wanted]
            for request in itertools.chain.from_iterable(said.values()):
                client.post("/feedback", json={"request_id": request, "label": tumor}).raise_for_status()
        return f"{len(said[other])} findings said to be missed, {len(said[tumor])} found"


def _until(done: Done, files: Iterable[bytes]) -> Iterator[bytes]:
    return itertools.takewhile(lambda _: not done(), files)


def _told(statuses: Counter[int]) -> str:
    answers = ", ".join(f"{count} x {status or 'none'}" for status, count in sorted(statuses.items()))
    return f"{statuses.total()} requests; answers: {answers}"
