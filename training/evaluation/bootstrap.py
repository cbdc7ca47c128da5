"""How certain a measured figure is: 95% intervals from resamples of whole groups of scans.

Scans of one group (near-duplicates, slices of one patient) say almost the same thing twice, so intervals come from a
bootstrap that draws whole groups (Field & Welsh, Bootstrapping clustered data, J. R. Statist. Soc. B, 2007).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95  # of every interval
AT_ONCE = 100  # resamples computed together, which bounds the memory on large data sets
NO_SPREAD = 1e-12  # resamples closer than this are all the same

Weights = NDArray[np.float64]  # (resamples, n): how often each scan was drawn
Statistic = Callable[[Weights], NDArray[np.float64]]  # to (resamples,); nan where it is not defined


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value with its 95% interval; the interval is nan where the scans give none (a single group)."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | None]:
        """Return plain numbers for YAML, rounded to 4 decimals; an unknown end of the interval is None."""
        return {name: None if np.isnan(number) else round(number, 4) for name, number in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Proportion:
    """The statistic "share of hits among some of the scans"; both (n,)."""

    hits: NDArray[np.bool_]
    among: NDArray[np.bool_]

    def __call__(self, weights: Weights) -> NDArray[np.float64]:
        return ratio(weights @ (self.hits & self.among), weights @ self.among)


def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, two arrays of one shape; nan where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def estimates(
    statistics: Mapping[str, Statistic], group: NDArray[np.int64], *, resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Estimate every statistic that the scans define, with its interval over groups; `group` is (n,).

    A resample that does not define a statistic (it lacks a class, say) is skipped for that statistic.
    """
    values = {name: statistic(np.ones((1, group.size))).item() for name, statistic in statistics.items()}
    drawn: dict[str, list[NDArray[np.float64]]] = {name: [] for name in statistics if not np.isnan(values[name])}
    for weights in _draws(group, resamples, seed):
        for name, so_far in drawn.items():
            so_far.append(statistics[name](weights))
    return {name: _estimate(statistics[name], values[name], rows, group) for name, rows in drawn.items()}


def _draws(group: NDArray[np.int64], resamples: int, seed: int) -> Iterator[Weights]:
    """Yield (up to AT_ONCE, n) weights: as many groups as there are, drawn with replacement, all their scans along."""
    names, member = np.unique(group, return_inverse=True)
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, AT_ONCE):
        size = min(AT_ONCE, resamples - start)
        yield rng.multinomial(names.size, np.full(names.size, 1 / names.size), size)[:, member].astype(np.float64)


def _estimate(
    statistic: Statistic, value: float, drawn: list[NDArray[np.float64]], group: NDArray[np.int64]
) -> Estimate:
    tail = (1 - LEVEL) / 2
    if isinstance(statistic, Proportion) and value in (0.0, 1.0):
        # All or none: resamples never differ, yet a few flawless groups prove little. Exact (Clopper & Pearson 1934)
        # with groups as trials instead; Hanley & Lippman-Hand, If nothing goes wrong, is everything all right?, 1983.
        surely = tail ** (1 / np.unique(group[statistic.among]).size)
        return Estimate(value, surely, 1.0) if value == 1.0 else Estimate(value, 0.0, 1 - surely)
    every = np.concatenate([[np.nan], *drawn])
    if np.isnan(every).all() or np.nanmax(every) - np.nanmin(every) < NO_SPREAD:
        return Estimate(value, np.nan, np.nan)
    return Estimate(value, float(np.nanquantile(every, tail)), float(np.nanquantile(every, 1 - tail)))
