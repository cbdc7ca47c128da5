"""From a dashboard's expression to an answer: variables filled in as Grafana does, then asked of a Prometheus."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

ALL = ".+"  # what "All" of a variable stands for
SCRAPE_SECONDS = 15  # of the committed prometheus.yml; $__rate_interval is four of them at least


def fill(expr: str, *, rate_interval: str = "1m", interval: str = "15s", range: str = "1h", **variables: str) -> str:
    """Put values in place of variables; those of the dashboards not named match everything.

    Raises KeyError if the expression holds another variable.
    """
    built_in = {"__rate_interval": rate_interval, "__interval": interval, "__range": range}
    values = {"job": ALL, "instance": ALL, "module": ALL, **variables, **built_in}
    return re.sub(r"\$([a-z_]\w*)|\$\{(\w+)\}", lambda found: values[found[1] or found[2]], expr)


@dataclass(frozen=True, slots=True)
class Series:
    """One answer: what it is of, and its values."""

    labels: dict[str, str]
    times: NDArray[np.float64]  # (n,), seconds since the epoch
    values: NDArray[np.float64]  # (n,)

    @property
    def last(self) -> float:
        """The last value that is one; not a number if none is."""
        known = self.values[~np.isnan(self.values)]
        return float(known[-1]) if known.size else float("nan")

    def named(self, legend: str) -> str:
        """Fill a legend such as {{route}}; without one, list the labels."""
        if not legend:
            return ", ".join(f"{name}={value}" for name, value in self.labels.items()) or "value"
        return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: self.labels.get(found[1], ""), legend)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The shown time, and how it is asked for."""

    start: float
    end: float
    points: int = 240
    scrape: float = SCRAPE_SECONDS  # seconds
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def step(self) -> float:
        return max(self.scrape, (self.end - self.start) / self.points)

    def fill(self, expr: str) -> str:
        """Fill an expression as Grafana does for this time."""
        rate = max(self.step + self.scrape, 4 * self.scrape)
        spans = {"rate_interval": rate, "interval": self.step, "range": self.end - self.start}
        return fill(expr, **{name: f"{round(span * 1000)}ms" for name, span in spans.items()}, **self.variables)


class Prometheus:
    """A Prometheus that answers."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def ask(self, expr: str, window: TimeRange, *, instant: bool) -> list[Series]:
        """Return the answer. Raises ValueError if Prometheus refuses the question, httpx.HTTPError if it is away."""
        asked: dict[str, Any] = {"query": window.fill(expr)}
        if instant:
            return self._get("/api/v1/query", asked | {"time": window.end})
        span = {"start": window.start, "end": window.end, "step": window.step}
        return self._get("/api/v1/query_range", asked | span)

    def scrape_seconds(self) -> float:
        """Return the shortest time between two scrapes of its targets, which Grafana's data source is told."""
        pools = self._json("/api/v1/targets", {"state": "active"})["activeTargets"]
        return min((_seconds(target["scrapeInterval"]) for target in pools), default=SCRAPE_SECONDS)

    def _get(self, path: str, asked: dict[str, Any]) -> list[Series]:
        result: Sequence[Any] = self._json(path, asked)["result"]
        return [_series(one["metric"], one.get("values") or [one["value"]]) for one in result]

    def _json(self, path: str, asked: dict[str, Any]) -> Any:
        answer = self._http.get(path, params=asked)
        if answer.status_code in (400, 422):
            raise ValueError(f"{answer.json()['error']}: {asked}")
        return answer.raise_for_status().json()["data"]


def _series(labels: dict[str, str], values: Sequence[tuple[float, str]]) -> Series:
    times, numbers = zip(*values, strict=True)
    return Series(labels, np.array(times, np.float64), np.array([float(number) for number in numbers]))


def _seconds(duration: str) -> float:
    """Read Prometheus' duration, such as 1m30s."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(ms|[smhd])", duration))
