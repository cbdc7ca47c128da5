"""A dashboard as a picture: its panels where Grafana puts them, drawn from a Prometheus' answers."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from tools.dashboards.drawing import single_values, timelines
from tools.dashboards.drawing.canvas import EDGE, FAINT, PANEL, TEXT, Area, blank, fitted
from tools.dashboards.drawing.query import Prometheus, Series, TimeRange
from tools.dashboards.drawing.timelines import Marks

COLUMN, ROW, GAP = 70, 38, 8  # pixels; Grafana's rows are 30 high with 8 between
HEADER, TITLE = 58, 30
COLUMNS = 24
ALONG_TIME = {"timeseries": timelines.curves, "heatmap": timelines.density, "state-timeline": timelines.states}
OF_VALUES = {"stat": single_values.numbers, "bargauge": single_values.bars, "table": single_values.table}

Panel = dict[str, Any]


def draw(board: dict[str, Any], prometheus: str, seconds: float, out: Path) -> None:
    """Draw a dashboard of the last seconds into a PNG file.

    Raises httpx.HTTPError if that Prometheus is away, ValueError if it refuses a question.
    """
    source = Prometheus(prometheus)
    end = time.time()
    window = TimeRange(end - seconds, end, scrape=source.scrape_seconds())
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    page = blank(COLUMNS * COLUMN + GAP, HEADER + rows * ROW + GAP)
    _header(page, board, window)
    marks = _marks(board, source, window)
    for panel in board["panels"]:
        at = panel["gridPos"]
        x, y = GAP + at["x"] * COLUMN, HEADER + at["y"] * ROW
        area = page.inside(x, y, page.width - x - at["w"] * COLUMN + GAP, page.height - y - at["h"] * ROW + GAP)
        _panel(area, panel, source, window, marks)
    page.figure.savefig(out)


def _header(page: Area, board: dict[str, Any], window: TimeRange) -> None:
    page.write(GAP + 4, 22, board["title"], 15, TEXT, weight="bold")
    page.write(GAP + 4, 44, fitted(board["description"], page.width - 420, 9), 9, FAINT)
    chosen = "   ".join(f"{one['label']}: All" for one in board["templating"]["list"] if one["type"] == "query")
    shown = " to ".join(datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M") for at in (window.start, window.end))
    page.write(page.width - GAP - 4, 22, shown, 10, TEXT, ha="right")
    page.write(page.width - GAP - 4, 44, chosen, 9, FAINT, ha="right")


def _panel(area: Area, panel: Panel, source: Prometheus, window: TimeRange, marks: Marks) -> None:
    if panel["type"] == "row":
        area.write(4, area.height / 2, f"▾  {panel['title']}", 11, TEXT, weight="bold")
        return
    area.fill(PANEL, EDGE, rounding=3)
    area.write(12, 17, fitted(panel["title"], area.width - 20, 10), 10, TEXT, weight="bold")
    content = area.inside(left=8, top=TITLE + 4, right=8, bottom=6)
    if panel["type"] == "text":
        single_values.words(content.inside(left=2, top=2), panel["options"]["content"])
        return
    answers = [source.ask(target["expr"], window, instant=target["instant"]) for target in panel["targets"]]
    if not any(answers):
        _nothing(content, panel)
    elif panel["type"] in ALONG_TIME:
        ALONG_TIME[panel["type"]](content.inside(left=-8, right=-4), panel, answers, window, marks)
    else:
        OF_VALUES[panel["type"]](content, panel, answers)


def _nothing(area: Area, panel: Panel) -> None:
    text = panel["fieldConfig"]["defaults"].get("noValue", "No data")
    area.write(area.width / 2, area.height / 2, fitted(text, area.width, 10), 10, FAINT, ha="center")


def _marks(board: dict[str, Any], source: Prometheus, window: TimeRange) -> Marks:
    """Return where the annotations mark something; what was so from the beginning of the shown time is no change."""
    found: list[tuple[Series, str]] = [
        (series, annotation["iconColor"])
        for annotation in board["annotations"]["list"]
        for series in source.ask(annotation["target"]["expr"], window, instant=False)
    ]
    return [(float(at), ink) for series, ink in found for at in series.times[series.values > 0] if at > window.start]
