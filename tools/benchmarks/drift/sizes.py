"""How often windows of each size alarm: what the benchmarks of single changes have in common."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from monitoring.drift.arrays import PredictionArrays
from tools.benchmarks.drift.page import TITLES, Rate
from tools.benchmarks.drift.verdicts import Verdict, detectors_of, rate, verdict

SIZES: Final = (25, 50, 100, 200, 400)  # independent predictions of a window
SERVED, EACH = "independent predictions", "one slice of each patient"
Row = tuple[str, str, int]  # stream, design and predictions wanted


class Trial(NamedTuple):
    """One reference, and the windows that are compared with it."""

    design: str  # SERVED or EACH
    reference: PredictionArrays
    windows: Iterable[tuple[str, int, PredictionArrays]]  # stream, predictions wanted, and window


def newest(stream: PredictionArrays) -> Iterator[tuple[int, PredictionArrays]]:
    """Yield windows of each size: the newest predictions of a stream, or all if it is shorter."""
    for size in SIZES:
        yield size, stream.take(range(max(0, len(stream) - size), len(stream)))


def measure(trials: Iterable[Trial]) -> dict[Row, Rate]:
    """Return how often windows alarm, by stream, design and size."""
    found: dict[Row, list[tuple[Verdict, int, int]]] = {}
    for design, reference, windows in trials:
        warm = detectors_of(reference)
        for stream, wanted, window in windows:
            counted = verdict(warm, window), len(reference), len(window)
            found.setdefault((stream, design, wanted), []).append(counted)
    return {key: rate(results) for key, results in found.items()}


def table(rates: Mapping[Row, Rate]) -> str:
    """Return the table, a row for each stream, design and size of window, in the order measured.

    Shares have no intervals: all windows are of the same patients, drawn again and again, so they would be too narrow.
    """
    places = {row: place for place, row in enumerate(dict.fromkeys((design, stream) for stream, design, _ in rates))}
    rows = [
        f"| {stream} | {design} | {wanted} | {found.window} | {found.reference} "
        f"| {' | '.join(f'{alarms / found.windows:.0%}' for alarms in found.alarms.values())} |"
        for (stream, design, wanted), found in sorted(
            rates.items(), key=lambda item: (places[item[0][1], item[0][0]], item[0][2])
        )
    ]
    names = " | ".join(TITLES[name] for name in next(iter(rates.values())).alarms)
    head = f"| Windows of | Of | Wanted | Window | Reference | {names} |"
    return "\n".join([head, "|---|---|---:|---:|---:|---:|---:|---:|---:|", *rows])
