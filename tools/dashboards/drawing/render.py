"""Draw a dashboard as a picture, with its panels at the same positions as in Grafana."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from tools.dashboards.drawing import time_panels, value_panels
from tools.dashboards.drawing.canvas import EDGE, MUTED, PANEL, TEXT, Area, new_page, truncated
from tools.dashboards.drawing.query import Prometheus, Series, TimeRange
from tools.dashboards.drawing.time_panels import Annotations

COLUMN, ROW, GAP = 70, 38, 8  # pixels; rows of Grafana have 30 and a gap of 8
HEADER, TITLE = 58, 30
COLUMNS = 24
TIME_PANELS = {
    "timeseries": time_panels.draw_time_series,
    "heatmap": time_panels.draw_heatmap,
    "state-timeline": time_panels.draw_state_timeline,
}
VALUE_PANELS = {
    "stat": value_panels.draw_stat,
    "bargauge": value_panels.draw_bar_gauge,
    "table": value_panels.draw_table,
}

Panel = dict[str, Any]


def draw(board: dict[str, Any], prometheus: str, seconds: float, out: Path) -> None:
    """Draw a dashboard of the last `seconds` to a PNG file.

    Raises httpx.HTTPError if Prometheus is not reachable, ValueError if it rejects a query.
    """
    source = Prometheus(prometheus)
    end = time.time()
    time_range = TimeRange(end - seconds, end, scrape=source.scrape_seconds())
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    page = new_page(COLUMNS * COLUMN + GAP, HEADER + rows * ROW + GAP)
    _draw_header(page, board, time_range)
    annotations = _annotations(board, source, time_range)
    for panel in board["panels"]:
        at = panel["gridPos"]
        x, y = GAP + at["x"] * COLUMN, HEADER + at["y"] * ROW
        area = page.inset(x, y, page.width - x - at["w"] * COLUMN + GAP, page.height - y - at["h"] * ROW + GAP)
        _draw_panel(area, panel, source, time_range, annotations)
    page.figure.savefig(out)


def _draw_header(page: Area, board: dict[str, Any], time_range: TimeRange) -> None:
    page.write(GAP + 4, 22, board["title"], 15, TEXT, weight="bold")
    page.write(GAP + 4, 44, truncated(board["description"], page.width - 420, 9), 9, MUTED)
    chosen = "   ".join(f"{one['label']}: All" for one in board["templating"]["list"] if one["type"] == "query")
    shown = " to ".join(
        datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M") for at in (time_range.start, time_range.end)
    )
    page.write(page.width - GAP - 4, 22, shown, 10, TEXT, ha="right")
    page.write(page.width - GAP - 4, 44, chosen, 9, MUTED, ha="right")


def _draw_panel(area: Area, panel: Panel, source: Prometheus, time_range: TimeRange, annotations: Annotations) -> None:
    if panel["type"] == "row":
        area.write(4, area.height / 2, f"▾  {panel['title']}", 11, TEXT, weight="bold")
        return
    area.fill(PANEL, EDGE, rounding=3)
    area.write(12, 17, truncated(panel["title"], area.width - 20, 10), 10, TEXT, weight="bold")
    content = area.inset(left=8, top=TITLE + 4, right=8, bottom=6)
    if panel["type"] == "text":
        value_panels.draw_text(content.inset(left=2, top=2), panel["options"]["content"])
        return
    answers = [source.query(target["expr"], time_range, instant=target["instant"]) for target in panel["targets"]]
    if not any(answers):
        _draw_no_value(content, panel)
    elif panel["type"] in TIME_PANELS:
        TIME_PANELS[panel["type"]](content.inset(left=-8, right=-4), panel, answers, time_range, annotations)
    else:
        VALUE_PANELS[panel["type"]](content, panel, answers)


def _draw_no_value(area: Area, panel: Panel) -> None:
    text = panel["fieldConfig"]["defaults"].get("noValue", "No data")
    area.write(area.width / 2, area.height / 2, truncated(text, area.width, 10), 10, MUTED, ha="center")


def _annotations(board: dict[str, Any], source: Prometheus, time_range: TimeRange) -> Annotations:
    """Return time and colour of all annotations, except at the start of the range, which is not a change."""
    found: list[tuple[Series, str]] = [
        (series, annotation["iconColor"])
        for annotation in board["annotations"]["list"]
        for series in source.query(annotation["target"]["expr"], time_range, instant=False)
    ]
    return [
        (float(at), colour)
        for series, colour in found
        for at in series.times[series.values > 0]
        if at > time_range.start
    ]
