"""Query Prometheus with the expressions of a dashboard, with variables replaced as Grafana does."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

ALL = ".+"  # value of a variable for "All"
SCRAPE_SECONDS = 15  # in prometheus.yml; $__rate_interval is at least four times as long


def fill(expr: str, *, rate_interval: str = "1m", interval: str = "15s", range: str = "1h", **variables: str) -> str:
    """Replace the variables in an expression. Dashboard variables without a value match everything.

    Raises KeyError if the expression contains an unknown variable.
    """
    built_in = {"__rate_interval": rate_interval, "__interval": interval, "__range": range}
    values = {"job": ALL, "instance": ALL, "module": ALL, **variables, **built_in}
    return re.sub(r"\$([a-z_]\w*)|\$\{(\w+)\}", lambda found: values[found[1] or found[2]], expr)


@dataclass(frozen=True, slots=True)
class Series:
    """One time series of a response."""

    labels: dict[str, str]
    times: NDArray[np.float64]  # (n,), seconds since the epoch
    values: NDArray[np.float64]  # (n,)

    @property
    def last(self) -> float:
        """The last value that is not NaN; NaN if there is none."""
        known = self.values[~np.isnan(self.values)]
        return float(known[-1]) if known.size else float("nan")

    def legend(self, template: str) -> str:
        """Replace the labels in a template such as {{route}}; without a template, list the labels."""
        if not template:
            return ", ".join(f"{name}={value}" for name, value in self.labels.items()) or "value"
        return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: self.labels.get(found[1], ""), template)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The displayed time range and its resolution."""

    start: float  # seconds since the epoch
    end: float
    points: int = 240
    scrape: float = SCRAPE_SECONDS  # seconds
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def step(self) -> float:
        return max(self.scrape, (self.end - self.start) / self.points)

    def fill(self, expr: str) -> str:
        """Replace the variables in an expression as Grafana does for this time range."""
        rate = max(self.step + self.scrape, 4 * self.scrape)
        spans = {"rate_interval": rate, "interval": self.step, "range": self.end - self.start}
        return fill(expr, **{name: f"{round(span * 1000)}ms" for name, span in spans.items()}, **self.variables)


class Prometheus:
    """A client of a Prometheus server."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def query(self, expr: str, time_range: TimeRange, *, instant: bool) -> list[Series]:
        """Run a query. Raises ValueError if Prometheus rejects it, httpx.HTTPError if Prometheus is not reachable."""
        parameters: dict[str, Any] = {"query": time_range.fill(expr)}
        if instant:
            return self._get("/api/v1/query", parameters | {"time": time_range.end})
        span = {"start": time_range.start, "end": time_range.end, "step": time_range.step}
        return self._get("/api/v1/query_range", parameters | span)

    def scrape_seconds(self) -> float:
        """Return the shortest scrape interval of all targets, in seconds."""
        pools = self._json("/api/v1/targets", {"state": "active"})["activeTargets"]
        return min((_seconds(target["scrapeInterval"]) for target in pools), default=SCRAPE_SECONDS)

    def _get(self, path: str, parameters: dict[str, Any]) -> list[Series]:
        result: Sequence[Any] = self._json(path, parameters)["result"]
        return [_series(one["metric"], one.get("values") or [one["value"]]) for one in result]

    def _json(self, path: str, parameters: dict[str, Any]) -> Any:
        answer = self._http.get(path, params=parameters)
        if answer.status_code in (400, 422):
            raise ValueError(f"{answer.json()['error']}: {parameters}")
        return answer.raise_for_status().json()["data"]


def _series(labels: dict[str, str], values: Sequence[tuple[float, str]]) -> Series:
    times, numbers = zip(*values, strict=True)
    return Series(labels, np.array(times, np.float64), np.array([float(number) for number in numbers]))


def _seconds(duration: str) -> float:
    """Parse a duration of Prometheus, such as 1m30s."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(ms|[smhd])", duration))
