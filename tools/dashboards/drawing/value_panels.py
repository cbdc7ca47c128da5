"""Draw panels of single values: stat, bar gauge, table and text."""

import re
import textwrap
from typing import Any

import numpy as np

from tools.dashboards.drawing.canvas import EDGE, GRID, MUTED, TEXT, Area, hex_colour, threshold_colour, truncated
from tools.dashboards.drawing.query import Series
from tools.dashboards.drawing.units import format_value

Panel = dict[str, Any]
ROW = 27  # pixels


def draw_stat(area: Area, panel: Panel, answers: list[list[Series]]) -> None:
    found = _named_series(panel, answers)
    across = area.width >= area.height
    for index, (name, series) in enumerate(found):
        _draw_number(area.part(index, len(found), across=across), panel, name if len(found) > 1 else "", series)


def _draw_number(area: Area, panel: Panel, name: str, series: Series) -> None:
    text, colour = _value_text(panel, series.last)
    size = min(26.0, area.height / 3.4, area.width / (0.92 * max(len(text), 4)))
    middle = area.height / 2 + (8 if name else 0) - (6 if len(series.values) > 1 else 0)
    area.write(area.width / 2, middle, text, size, colour, ha="center", weight="bold")
    if name:
        area.write(area.width / 2, middle - size - 8, truncated(name, area.width - 16, 9), 9, MUTED, ha="center")
    if len(series.values) > 1:
        _draw_sparkline(area.inset(top=area.height * 0.7), series, colour)


def _draw_sparkline(area: Area, series: Series, colour: str) -> None:
    axes = area.axes()
    axes.axis("off")
    known = series.values[np.isfinite(series.values)]
    if known.size:
        low, high = float(known.min()), float(known.max())
        axes.set_ylim(low - 0.1 * (high - low) - 1e-9, high + 0.2 * (high - low) + 1e-9)
        axes.set_xlim(series.times[0], series.times[-1])
        axes.plot(series.times, series.values, color=colour, lw=1.2)
        axes.fill_between(series.times, axes.get_ylim()[0], series.values, color=colour, alpha=0.15, lw=0)


def draw_bar_gauge(area: Area, panel: Panel, answers: list[list[Series]]) -> None:
    found = _named_series(panel, answers)
    most = panel["fieldConfig"]["defaults"].get("max") or max(series.last for _, series in found) or 1
    names = min(area.width * 0.42, 20 + 6.6 * max(len(name) for name, _ in found))
    height = min(34.0, area.height / len(found))
    for index, (name, series) in enumerate(found):
        text, colour = _value_text(panel, series.last)
        row = area.inset(top=index * height, bottom=area.height - (index + 1) * height)
        row.write(names - 4, height / 2, truncated(name, names - 12, 8.5), 8.5, TEXT, ha="right")
        track = row.inset(left=names + 4, top=4, right=72, bottom=4)
        track.fill(GRID)
        share = float(np.clip(series.last / most, 0, 1))
        track.inset(right=track.width * (1 - share)).fill(colour)
        row.write(row.width - 64, height / 2, text, 9, colour, weight="bold")


def draw_table(area: Area, panel: Panel, answers: list[list[Series]]) -> None:
    organised = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    fields = sorted(organised["indexByName"], key=organised["indexByName"].__getitem__)
    titles = [organised["renameByName"][field] for field in fields]
    rows = _sorted(_rows(answers), panel, dict(zip(titles, fields, strict=True)))
    header = area.inset(bottom=area.height - ROW)
    for number, title in enumerate(titles):
        header.part(number, len(titles), across=True).write(10, ROW / 2, title, 9, hex_colour("blue"), weight="bold")
    header.line(EDGE)
    for index, row in enumerate(rows[: int(area.height / ROW) - 1]):
        line = area.inset(top=(index + 1) * ROW, bottom=area.height - (index + 2) * ROW)
        for number, (field, title) in enumerate(zip(fields, titles, strict=True)):
            _draw_cell(line.part(number, len(fields), across=True), panel, title, row.get(field, ""))
        line.line(GRID)


def draw_text(area: Area, content: str) -> None:
    """Write Markdown as plain text."""
    y = 6.0
    for paragraph in content.split("\n"):
        plain = re.sub(r"\*\*|`", "", paragraph)
        for line in textwrap.wrap(plain, max(10, int(area.width / 7.2)), subsequent_indent="  ") or [""]:
            area.write(4, y, line.replace("- ", "• ", 1) if line.startswith("- ") else line, 9.5, TEXT)
            y += 17


def _draw_cell(area: Area, panel: Panel, title: str, value: str | float) -> None:
    properties = {
        one["id"]: one["value"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == title
        for one in override["properties"]
    }
    if isinstance(value, str):
        text, colour = _mapped_text(panel, value) or (value, TEXT)
        area.write(10, area.height / 2, truncated(text, area.width - 14, 9), 9, colour)
        return
    defaults = panel["fieldConfig"]["defaults"]
    text = format_value(value, properties.get("unit", defaults["unit"]))
    steps = properties.get("thresholds", defaults["thresholds"])["steps"]
    if properties.get("custom.cellOptions", {}).get("type") == "gauge":
        track = area.inset(left=10, top=6, right=64, bottom=6)
        track.fill(GRID)
        track.inset(right=track.width * (1 - float(np.clip(value, 0, 1)))).fill(threshold_colour(steps, value))
        area.write(area.width - 56, area.height / 2, text, 9)
    else:
        area.write(10, area.height / 2, text, 9, threshold_colour(steps, value) if "thresholds" in properties else TEXT)


def _rows(answers: list[list[Series]]) -> list[dict[str, str | float]]:
    """Join the series of all responses by labels, like the transformation `merge` of Grafana."""
    rows: dict[tuple[tuple[str, str], ...], dict[str, str | float]] = {}
    for letter, answer in zip("ABCDEFGH", answers, strict=False):
        for series in answer:
            key = tuple(sorted(series.labels.items()))
            value = "Value" if len(answers) == 1 else f"Value #{letter}"
            rows.setdefault(key, dict(series.labels))[value] = series.last
    return list(rows.values())


def _sorted(rows: list[dict[str, str | float]], panel: Panel, fields: dict[str, str]) -> list[dict[str, str | float]]:
    for order in panel["options"].get("sortBy", []):
        field = fields[order["displayName"]]
        rows = sorted(rows, key=lambda row: row.get(field, 0), reverse=order["desc"])
    return rows


def _named_series(panel: Panel, answers: list[list[Series]]) -> list[tuple[str, Series]]:
    return [
        (series.legend(target["legendFormat"]), series)
        for target, answer in zip(panel["targets"], answers, strict=True)
        for series in answer
    ]


def _value_text(panel: Panel, value: float) -> tuple[str, str]:
    """Return the text and colour of a value."""
    defaults = panel["fieldConfig"]["defaults"]
    mapped = _mapped_text(panel, f"{value:g}")
    text = format_value(value, defaults["unit"], defaults.get("decimals"))
    return mapped or (text, threshold_colour(defaults["thresholds"]["steps"], value))


def _mapped_text(panel: Panel, value: str) -> tuple[str, str] | None:
    for mapping in panel["fieldConfig"]["defaults"].get("mappings", []):
        if value in mapping["options"]:
            state = mapping["options"][value]
            return state["text"], hex_colour(state["color"])
    return None
