"""Real traffic against a running server, so that an operator sees an alert before it is needed.

The scans of a folder are sent as they are, or drifted, at a steady rate, and what the server answers is counted.
No name of a file leaves, nor does the environment's proxy see anything.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import httpx
import numpy as np
from numpy.typing import NDArray

from imip.errors import ScanError
from imip.scan.limits import DEFAULT_LIMITS
from imip.scan.read import read_scan
from imip.scan.scan import Format
from monitoring.drift.simulation.scenarios import alter, choose

JPEG_QUALITY = 95  # of a distorted scan that came as JPEG; compression is a drift of its own
TIMEOUT_SECONDS = 60.0  # of a scan
POLL_TIMEOUT_SECONDS = 5.0  # of a request for the verdict, which delays the scans
TRIES = 5  # of one scan at a server that is full
BUSY = (429, 503)
PAUSE_SECONDS = 1.0  # where a full server does not say how long
LONGEST_PAUSE_SECONDS = 30.0  # whatever a full server asks for
UNANSWERED_IN_A_ROW = 5  # requests without an answer, after which the server counts as unreachable
POLL_SECONDS = 2.0  # between two requests for the verdict


@dataclass(frozen=True, slots=True)
class SourceScan:
    """One readable file of a folder. Its pixels are decoded when asked for: a folder may hold thousands."""

    data: bytes = field(repr=False)
    format: Format
    label: str  # the name of the folder it lies in; it stays here

    def decode(self) -> NDArray[np.uint8]:
        """Return its slice, (H, W)."""
        return read_scan(self.data).pixels


class Folder(NamedTuple):
    """What was found in a folder."""

    scans: list[SourceScan]
    skipped: int  # files that hold no readable scan


def read_folder(folder: Path) -> Folder:
    """Read every scan in and below a folder, recognised by its bytes alone, in the order of their paths."""
    scans: list[SourceScan] = []
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in files:
        try:
            if path.stat().st_size <= DEFAULT_LIMITS.body_bytes:
                data = path.read_bytes()
                scans.append(SourceScan(data, read_scan(data).format, path.parent.name))
        except (ScanError, OSError):
            continue
    return Folder(scans, skipped=len(files) - len(scans))


def traffic(
    sources: Sequence[SourceScan], kind: str, severity: int, count: int, rng: np.random.Generator
) -> Iterator[bytes]:
    """Draw `count` files as a drift would send them; those it leaves alone are the files' own bytes.

    Raises ValueError for a kind or severity that there is not.
    """
    for scan, altered in choose([source.label for source in sources], kind, severity, count, rng):
        source = sources[scan]
        yield encode(alter(source.decode(), kind, severity, rng), source.format) if altered else source.data


def encode(pixels: NDArray[np.uint8], format: Format) -> bytes:
    """Write a slice, (H, W), in the format of its source; what came as DICOM becomes PNG."""
    if format == "jpeg":
        return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
    return cv2.imencode(".png", pixels)[1].tobytes()


@dataclass(slots=True)
class Tally:
    """What was sent and what came back."""

    statuses: Counter[int] = field(default_factory=Counter)  # of each scan's last answer
    labels: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    retries: int = 0  # a full server was asked again
    unanswered: int = 0  # scans without an answer: connection lost or timed out

    @property
    def sent(self) -> int:
        return self.statuses.total() + self.unanswered


class Pace:
    """When the next scan is due: the n-th at n / rate, however long the answers take."""

    def __init__(
        self, rate: float, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """`rate`: scans per second. Raises ValueError."""
        if not (rate > 0 and math.isfinite(rate)):
            raise ValueError(f"A rate of {rate} cannot be kept; give scans per second, above 0.")
        self._rate, self._now, self._sleep = rate, now, sleep
        self._begin = now()
        self._paused = 0.0
        self._due = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._now() - self._begin

    def wait(self) -> None:
        """Sleep until the next scan is due; return at once where it is overdue."""
        early = self._due / self._rate + self._paused - self.elapsed
        self._due += 1
        if early > 0:
            self._sleep(early)

    def pause(self, seconds: float) -> None:
        """Sleep and put off all that is due, so that a full server gets no burst afterwards."""
        self._sleep(seconds)
        self._paused += seconds


def send(
    url: str,
    scans: Iterable[bytes],
    *,
    module: str,
    pace: Pace,
    seconds: float = math.inf,
    track: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Send scans one after another until there are no more or the time is up; `track` is called after each.

    Raises httpx.TransportError if the server cannot be reached, and ValueError if what answers there is not IMIP.
    """
    tally = Tally()
    in_a_row = 0
    with _client(url, TIMEOUT_SECONDS) as client:
        for scan in scans:
            pace.wait()
            if pace.elapsed >= seconds:
                break
            try:
                answer = _predict(client, scan, module, pace, tally)
                in_a_row = 0
                _count(answer, tally)
            except httpx.TransportError:
                in_a_row += 1
                tally.unanswered += 1
                if in_a_row >= UNANSWERED_IN_A_ROW:
                    raise
            track(tally)
    return tally


def _client(url: str, timeout: float) -> httpx.Client:
    # A new connection each time: every worker gets its share, and none is closed by the server while it idles.
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=url, timeout=timeout, trust_env=False, limits=limits)


def _predict(client: httpx.Client, scan: bytes, module: str, pace: Pace, tally: Tally) -> httpx.Response:
    """Post one scan, again after a pause where the server is full."""
    for left in reversed(range(TRIES)):
        answer = client.post("/predict", files={"file": ("scan", scan)}, data={"module": module})
        if answer.status_code not in BUSY or not left:
            break
        tally.retries += 1
        pace.pause(_asked_pause(answer.headers.get("Retry-After", "")))
    return answer


def _asked_pause(retry_after: str) -> float:
    return min(float(retry_after), LONGEST_PAUSE_SECONDS) if retry_after.isdecimal() else PAUSE_SECONDS


def _count(answer: httpx.Response, tally: Tally) -> None:
    tally.statuses[answer.status_code] += 1
    if not answer.is_success:
        return
    try:
        prediction: dict[str, Any] = answer.json()
        tally.labels[prediction["label"]] += 1
        tally.warnings.update(prediction["warnings"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("What answers at this address is not IMIP: its answer is no prediction.") from error


class DriftWatcher:
    """Follows the verdict on one module at GET /drift, in between other work: call `poll` as often as you like."""

    def __init__(self, url: str, module: str, now: Callable[[], float] = time.monotonic) -> None:
        self._url, self._module, self._now = url, module, now
        self._begin = self._asked = now()
        self.before = self.verdict = self._ask()
        self.turned_after: float | None = None  # seconds until a verdict that was not drift became drift

    def poll(self) -> bool | None:
        """Return the latest verdict, asked for anew now and then; None while there is none."""
        if self._now() - self._asked < POLL_SECONDS:
            return self.verdict
        self._asked = self._now()
        verdict = self._ask()
        if verdict is None:
            return self.verdict
        if verdict and not self.verdict and self.turned_after is None:
            self.turned_after = self._asked - self._begin
        self.verdict = verdict
        return verdict

    def _ask(self) -> bool | None:
        """A server that does not answer, or has not checked yet, has no verdict."""
        try:
            with _client(self._url, POLL_TIMEOUT_SECONDS) as client:
                check = client.get("/drift").json()["modules"][self._module]
            return bool(check["drifted"])
        except (httpx.TransportError, ValueError, KeyError, TypeError):
            return None
