"""Functions that create panels. Title, unit and description are required, so that no panel lacks them.

Widths are in columns, of which Grafana has 24, and heights in rows of 30 pixels. `no_value` is the text of a panel that
may have no data during normal operation. Without it, a panel with no data means a problem.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, stat, statetimeline, table, text
from grafana_foundation_sdk.builders import timeseries as lines
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as option
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.text import TextMode

from tools.dashboards.colours import GRAY, PLAIN, RED, Thresholds
from tools.dashboards.queries import SOURCE

Panel = Builder[model.Panel]
Queries = Dataquery | Sequence[Dataquery]
States = Mapping[str, tuple[str, str]]  # value: (displayed text, colour)

DASHED, DOTTED = {"dash": [8, 6], "fill": "dash"}, {"dash": [1, 5], "fill": "dot"}

P = TypeVar("P", bargauge.Panel, heatmap.Panel, lines.Panel, stat.Panel, statetimeline.Panel, table.Panel)


class Column(NamedTuple):
    """One column of a table: a label, or the value of a query."""

    field: str
    title: str
    unit: str = ""  # if it differs from the unit of the table
    thresholds: Thresholds = ()  # colours by value
    gauge: bool = False  # show a bar, 0 to 1
    coloured: bool = False  # use the colours of the states
    link: str = ""


def stat_panel(
    title: str, unit: str, description: str, queries: Queries, *, width: int = 4, height: int = 4,
    thresholds: Thresholds = PLAIN, states: States | None = None, no_value: str = "", decimals: int | None = None,
) -> Panel:  # fmt: skip
    """One large value per series. A range query adds a small line of its history."""
    panel = _configure(stat.Panel(), title, unit, description, queries, width, height, thresholds, no_value)
    panel = panel.graph_mode(option.BigValueGraphMode.AREA).color_mode(option.BigValueColorMode.VALUE)
    panel = panel.reduce_options(_last()).mappings(_mappings(states or {}))
    return panel if decimals is None else panel.decimals(decimals)


def time_series_panel(
    title: str, unit: str, description: str, queries: Queries, *, width: int = 12, height: int = 8,
    thresholds: Thresholds = (), limit: str = "", margin: str = "", colours: Mapping[str, str] | None = None,
    stacked: str = "", soft_min: float | None = 0, max_value: float | None = None, logarithmic: bool = False,
    no_value: str = "",
) -> Panel:  # fmt: skip
    """Lines over time, with `thresholds` as dashed lines.

    `limit` and `margin` are regular expressions for the names of series that are limits or margins of error of the
    others. `stacked` is "normal" or "percent". `colours`: fixed colours by name of series.
    """
    panel = _configure(lines.Panel(), title, unit, description, queries, width, height, thresholds or PLAIN, no_value)
    panel = panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    panel = panel.line_width(2).show_points(option.VisibilityMode.NEVER).legend(_legend())
    panel = panel.tooltip(common.VizTooltipOptions().mode(option.TooltipDisplayMode.MULTI))
    panel = panel.fill_opacity(60 if stacked else 8).stacking(
        common.StackingConfig().mode(option.StackingMode(stacked or "none")).group("A")
    )
    if thresholds:
        dashed = common.GraphThresholdsStyleConfig().mode(option.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(dashed)
        panel = panel.axis_soft_max(1.1 * max(value for value, _ in thresholds if value is not None))
    if logarithmic:
        scale = common.ScaleDistributionConfig().type(option.ScaleDistribution.LOG).log(10)
        panel, soft_min = panel.scale_distribution(scale), None
    for pattern, colour, style in ((limit, RED, DASHED), (margin, GRAY, DOTTED)):
        if pattern:
            panel = panel.override_by_regexp(pattern, _properties(_fixed(colour), fillOpacity=0, lineStyle=style))
    for name, colour in (colours or {}).items():
        panel = panel.override_by_name(name, _properties(_fixed(colour)))
    panel = panel if soft_min is None else panel.axis_soft_min(soft_min)
    return panel if max_value is None else panel.max(max_value)


def heatmap_panel(
    title: str, unit: str, description: str, query: Dataquery, *, width: int = 12, height: int = 8, no_value: str = ""
) -> Panel:
    """A histogram over time. The unit is the unit of its buckets."""
    panel = _configure(heatmap.Panel(), title, unit, description, query, width, height, PLAIN, no_value)
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Turbo").exponent(0.5).steps(64)
    axis = heatmap.YAxisConfig().unit(unit).axis_placement(option.AxisPlacement.LEFT)
    return panel.color(colour).y_axis(axis).cell_gap(1).show_legend().mode(option.TooltipDisplayMode.SINGLE)


def bar_gauge_panel(
    title: str, unit: str, description: str, queries: Queries, *, width: int = 8, height: int = 8,
    thresholds: Thresholds = PLAIN, max_value: float | None = None, no_value: str = "",
) -> Panel:  # fmt: skip
    """One bar per series, in the order of the response."""
    panel = _configure(bargauge.Panel(), title, unit, description, queries, width, height, thresholds, no_value)
    panel = panel.orientation(option.VizOrientation.HORIZONTAL).display_mode(option.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(_last()).min(0)
    return panel if max_value is None else panel.max(max_value)


def state_timeline_panel(
    title: str, unit: str, description: str, queries: Queries, *, states: States, width: int = 12, height: int = 6,
    no_value: str = "",
) -> Panel:  # fmt: skip
    """One row per series, coloured by its state over time."""
    panel = _configure(statetimeline.Panel(), title, unit, description, queries, width, height, PLAIN, no_value)
    return panel.mappings(_mappings(states)).show_value(option.VisibilityMode.NEVER).fill_opacity(80).line_width(0)


def table_panel(
    title: str, unit: str, description: str, queries: Queries, *, columns: Sequence[Column], width: int = 12,
    height: int = 8, states: States | None = None, no_value: str = "", sort_descending_by: str = "",
) -> Panel:  # fmt: skip
    """One row for each set of labels, joined over all queries."""
    queries = [queries] if isinstance(queries, Dataquery) else queries
    panel = _configure(table.Panel(), title, unit, description, queries, width, height, PLAIN, no_value)
    panel = panel.cell_height(option.TableCellHeight.SM).mappings(_mappings(states or {}))
    titles = {column.field: column.title for column in columns}
    order = {column.field: index for index, column in enumerate(columns)}
    organize = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": titles}
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=organize))
    if sort_descending_by:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(sort_descending_by).desc(True)])
    for column in columns:
        if properties := _column_properties(column):
            panel = panel.override_by_name(column.title, properties)
    return panel


def text_panel(title: str, description: str, content: str, *, width: int = 24, height: int = 2) -> Panel:
    """Text in Markdown."""
    panel = text.Panel().title(title).description(description).span(width).height(height)
    return panel.mode(TextMode.MARKDOWN).content(content)


def _configure(
    panel: P, title: str, unit: str, description: str, queries: Queries, width: int, height: int,
    thresholds: Thresholds, no_value: str,
) -> P:  # fmt: skip
    """Set the options that all panels have."""
    queries = [queries] if isinstance(queries, Dataquery) else queries
    panel = panel.title(title).unit(unit).description(description).datasource(SOURCE).span(width).height(height)
    for letter, query in zip("ABCDEFGH", queries, strict=False):
        panel = panel.with_target(query.ref_id(letter))
    panel = panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    panel = panel.thresholds(_thresholds(thresholds))
    return panel.no_value(no_value) if no_value else panel


def _thresholds(thresholds: Thresholds) -> dashboard.ThresholdsConfig:
    steps = [model.Threshold(value=value, color=colour) for value, colour in thresholds]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _mappings(states: States) -> list[model.ValueMapping]:
    results = {
        value: model.ValueMappingResult(text=text_, color=colour, index=index)
        for index, (value, (text_, colour)) in enumerate(states.items())
    }
    return [model.ValueMap(options=results)] if results else []


def _column_properties(column: Column) -> list[model.DynamicConfigValue]:
    properties: list[model.DynamicConfigValue] = []
    if column.unit:
        properties.append(model.DynamicConfigValue("unit", column.unit))
    if column.thresholds:
        properties.append(model.DynamicConfigValue("thresholds", _thresholds(column.thresholds).build()))
    if column.gauge:
        properties += [model.DynamicConfigValue("min", 0), model.DynamicConfigValue("max", 1)]
        properties += _properties(cellOptions={"type": "gauge", "mode": "basic", "valueDisplayMode": "text"})
    elif column.thresholds or column.coloured:
        properties += _properties(cellOptions={"type": "color-text"})
    if column.link:
        link = {"title": "Open", "url": column.link, "targetBlank": True}
        properties.append(model.DynamicConfigValue("links", [link]))
    return properties


def _properties(color: Any = None, **custom: Any) -> list[model.DynamicConfigValue]:
    properties = [model.DynamicConfigValue(f"custom.{name}", value) for name, value in custom.items()]
    return properties if color is None else [model.DynamicConfigValue("color", color), *properties]


def _fixed(colour: str) -> dict[str, str]:
    return {"fixedColor": colour, "mode": "fixed"}


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(option.LegendDisplayMode.LIST)
        .placement(option.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
