"""Draw panels with a time axis: time series, heatmap and state timeline."""

import re
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, MultipleLocator, NullFormatter
from numpy.typing import NDArray

from tools.dashboards.drawing.canvas import GRID, SERIES_COLOURS, TEXT, Area, hex_colour, truncated
from tools.dashboards.drawing.query import Series, TimeRange
from tools.dashboards.drawing.units import format_value

Panel = dict[str, Any]
NamedSeries = list[tuple[str, Series]]
Annotations = list[tuple[float, str]]  # time, colour

LEGEND = 20  # pixels per line


def draw_time_series(
    area: Area, panel: Panel, answers: list[list[Series]], time_range: TimeRange, annotations: Annotations
) -> None:
    named = _named_series(panel, answers)
    colours = {name: _series_colour(panel, name, index) for index, (name, _) in enumerate(named)}
    lines = _draw_legend(area, panel, [(name, colours[name]) for name, _ in named])
    axes = _time_axes(area.inset(left=62, top=4, right=10, bottom=24 + lines * LEGEND), time_range)
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    stacking = custom.get("stacking", {}).get("mode", "none")
    if stacking != "none":
        _draw_stacked(axes, named, colours, time_range, share=stacking == "percent")
    for name, series in named:
        if stacking == "none":
            style = _override(panel, name, "custom.lineStyle")
            dashes = (0, tuple(0.75 * length for length in style["dash"])) if style else "-"
            axes.plot(series.times, series.values, color=colours[name], lw=1.6, ls=dashes)
            if not style and not _logarithmic(panel):
                axes.fill_between(series.times, 0, series.values, color=colours[name], alpha=0.07, lw=0)
    _format_value_axis(axes, panel, stacking == "percent", [series for _, series in named])
    _draw_thresholds(axes, panel)
    for at, colour in annotations:
        axes.axvline(at, color=hex_colour(colour), lw=1.2, ls=(0, (2, 2)), alpha=0.9)


def draw_heatmap(
    area: Area, panel: Panel, answers: list[list[Series]], time_range: TimeRange, annotations: Annotations
) -> None:
    """Draw the buckets of a histogram as a heatmap. The counts of Prometheus are cumulative."""
    found = sorted((series for answer in answers for series in answer), key=lambda series: float(series.labels["le"]))
    times = _grid(time_range)
    counts = np.diff(np.nan_to_num(_aligned(found, times, time_range.step)), axis=0, prepend=0)  # (buckets, times)
    axes = _time_axes(area.inset(left=62, top=4, right=12, bottom=24), time_range)
    shown = np.where(counts > 1e-9, counts, np.nan) ** 0.5  # square root, so that small rates are visible
    edges = np.append(times, times[-1] + time_range.step) - time_range.step / 2
    norm = Normalize(0, max(1e-9, float(counts.max())) ** 0.5)
    axes.pcolormesh(edges, np.arange(len(found) + 1), shown, cmap="turbo", norm=norm, linewidth=0)
    axes.set_ylim(0, len(found))
    unit = panel["fieldConfig"]["defaults"]["unit"]
    every = max(1, round(len(found) * 22 / area.height))
    ticks = range(len(found) - 2, -1, -every)  # the last bucket is unbounded
    axes.set_yticks(
        [tick + 1 for tick in ticks], [format_value(float(found[tick].labels["le"]), unit) for tick in ticks]
    )
    for at, colour in annotations:
        axes.axvline(at, color=hex_colour(colour), lw=1.2, ls=(0, (2, 2)))


def draw_state_timeline(
    area: Area, panel: Panel, answers: list[list[Series]], time_range: TimeRange, annotations: Annotations
) -> None:
    named = _named_series(panel, answers)
    shown = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    _draw_legend(area, panel, [(state["text"], hex_colour(state["color"])) for state in shown.values()])
    widest = max(len(name) for name, _ in named)
    axes = _time_axes(area.inset(left=min(180, 14 + widest * 6.4), top=4, right=10, bottom=24 + LEGEND), time_range)
    for row, (_, series) in enumerate(named):
        for value, state in shown.items():
            times = series.times[series.values == float(value)]
            spans = [(at - time_range.step / 2, time_range.step) for at in times]
            axes.broken_barh(
                spans, (len(named) - row - 0.9, 0.8), facecolor=hex_colour(state["color"]), alpha=0.85, lw=0
            )
    axes.set_ylim(0, len(named))
    axes.grid(False)
    axes.set_yticks([len(named) - row - 0.5 for row in range(len(named))], [name for name, _ in named])
    for at, colour in annotations:
        axes.axvline(at, color=hex_colour(colour), lw=1.2, ls=(0, (2, 2)))


def _named_series(panel: Panel, answers: list[list[Series]]) -> NamedSeries:
    return [
        (series.legend(target["legendFormat"]), series)
        for target, answer in zip(panel["targets"], answers, strict=True)
        for series in sorted(answer, key=lambda series: sorted(series.labels.items()))
    ]


def _override(panel: Panel, name: str, wanted: str) -> Any:
    for override in panel["fieldConfig"]["overrides"]:
        matcher, pattern = override["matcher"]["id"], override["matcher"]["options"]
        if (matcher == "byName" and pattern == name) or (matcher == "byRegexp" and re.search(pattern, name)):
            for one in override["properties"]:
                if one["id"] == wanted:
                    return one["value"]
    return None


def _series_colour(panel: Panel, name: str, index: int) -> str:
    fixed = _override(panel, name, "color")
    return hex_colour(fixed["fixedColor"]) if fixed else SERIES_COLOURS[index % len(SERIES_COLOURS)]


def _draw_legend(area: Area, panel: Panel, entries: list[tuple[str, str]]) -> int:
    """Draw the legend below the panel, at most two lines. Return the number of lines."""
    rows: list[list[tuple[float, str, str]]] = [[]]
    x = 12.0
    for name, colour in entries:
        name = truncated(name, area.width - 60, 8)
        wide = 30 + len(name) * 6.3
        if x + wide > area.width and rows[-1]:
            rows.append([])
            x = 12.0
        rows[-1].append((x, name, colour))
        x += wide
    rows = rows[:2]
    for number, row in enumerate(rows):
        y = area.height - LEGEND * (len(rows) - number) + LEGEND / 2 - 3
        for x, name, colour in row:
            area.inset(left=x, top=y - 1.5, right=area.width - x - 13, bottom=area.height - y - 1.5).fill(
                colour, rounding=1
            )
            area.write(x + 18, y, name, 8, TEXT)
    return len(rows)


def _time_axes(area: Area, time_range: TimeRange) -> Axes:
    axes = area.axes()
    axes.set_xlim(time_range.start, time_range.end)
    axes.grid(True, color=GRID, lw=0.7)
    axes.set_axisbelow(True)
    span = time_range.end - time_range.start
    fine = next(
        (step for step in (60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400) if span / step <= area.width / 62),
        604800,
    )
    ticks = np.arange(np.ceil(time_range.start / fine) * fine, time_range.end, fine)
    pattern = "%H:%M" if span <= 2 * 86400 else "%m-%d"
    axes.set_xticks(ticks, [datetime.fromtimestamp(tick).strftime(pattern) for tick in ticks])
    return axes


def _grid(time_range: TimeRange) -> NDArray[np.float64]:
    return np.arange(time_range.start, time_range.end + time_range.step / 2, time_range.step)


def _aligned(found: list[Series], times: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Return the values, (series, times), NaN where a series has no value."""
    table = np.full((len(found), len(times)), np.nan)
    for row, series in enumerate(found):
        columns = np.rint((series.times - times[0]) / step).astype(int)
        inside = (columns >= 0) & (columns < len(times))
        table[row, columns[inside]] = series.values[inside]
    return table


def _draw_stacked(
    axes: Axes, named: NamedSeries, colours: dict[str, str], time_range: TimeRange, *, share: bool
) -> None:
    times = _grid(time_range)
    table = np.nan_to_num(_aligned([series for _, series in named], times, time_range.step))
    if share:
        table = np.divide(table, table.sum(axis=0), out=np.full_like(table, np.nan), where=table.sum(axis=0) > 0)
    below = np.zeros(len(times))
    for (name, _), values in zip(named, table, strict=True):
        axes.fill_between(times, below, below + values, color=colours[name], alpha=0.55, lw=0)
        axes.plot(times, np.where(values > 0, below + values, np.nan), color=colours[name], lw=1.2)
        below = below + values


def _format_value_axis(axes: Axes, panel: Panel, share: bool, found: list[Series]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults.get("custom", {})
    unit = "percentunit" if share else defaults["unit"]
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_value(round(float(value), 9), unit)))
    if _logarithmic(panel):
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        low, high = axes.get_ylim()
        decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        axes.yaxis.set_major_locator(FixedLocator(list(10.0 ** decades[:: -(-len(decades) // 7)])))
        axes.set_ylim(low, defaults.get("max", high) * 1.15)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_value(float(value), unit)))
        return
    least = custom.get("axisSoftMin")
    values = np.concatenate([series.values[np.isfinite(series.values)] for series in found])
    low, high = axes.get_ylim()
    if share:
        low, high = 0, 1
    elif least == 0 and not values.any():
        low, high = 0, custom.get("axisSoftMax", 1)
    elif least is not None:
        low, high = min(least, float(values.min(initial=least)) * 1.05), max(high, custom.get("axisSoftMax", high))
    high = defaults.get("max", high)
    axes.set_ylim(low, high)
    if unit == "bytes":
        step = 2.0 ** np.ceil(np.log2((high - low) / 5))
        axes.yaxis.set_major_locator(MultipleLocator(step))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))


def _logarithmic(panel: Panel) -> bool:
    scale = panel["fieldConfig"]["defaults"].get("custom", {}).get("scaleDistribution", {})
    return bool(scale.get("type") == "log")


def _draw_thresholds(axes: Axes, panel: Panel) -> None:
    """Draw thresholds inside the range of the axis as dashed lines."""
    defaults = panel["fieldConfig"]["defaults"]
    if defaults.get("custom", {}).get("thresholdsStyle", {}).get("mode") != "dashed":
        return
    steps = defaults["thresholds"]["steps"]
    low, high = axes.get_ylim()
    for before, step in pairwise(steps):
        rising = [one["color"] for one in steps].index("red") > 0
        if low <= step["value"] <= high:
            colour = hex_colour(step["color"] if rising else before["color"])
            axes.axhline(step["value"], color=colour, lw=1.2, ls=(0, (6, 4)), alpha=0.9)
