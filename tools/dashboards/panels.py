"""The makers of panels: each wants to be told title, unit and description, so that no panel goes without.

Widths are columns of Grafana's 24, heights rows of 30 pixels. A panel that may have nothing to show while all is well
says so in `empty`; any other without an answer is news.
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

from tools.dashboards.colours import GRAY, PLAIN, RED, Steps
from tools.dashboards.targets import SOURCE

Panel = Builder[model.Panel]
Questions = Dataquery | Sequence[Dataquery]
States = Mapping[str, tuple[str, str]]  # value: (what is shown for it, colour)

DASHED, DOTTED = {"dash": [8, 6], "fill": "dash"}, {"dash": [1, 5], "fill": "dot"}

P = TypeVar(
    "P", bargauge.Panel, heatmap.Panel, lines.Panel, stat.Panel, statetimeline.Panel, table.Panel
)  # what has an axis of values


class Column(NamedTuple):
    """One column of a table: a label's, or a question's value, in the order of the questions."""

    field: str
    title: str
    unit: str = ""  # if it is not the table's
    steps: Steps = ()  # coloured by these
    gauge: bool = False  # drawn as a bar, 0 to 1
    coloured: bool = False  # by the table's states
    link: str = ""


def big_number(
    title: str, unit: str, description: str, asked: Questions, *, width: int = 4, height: int = 4,
    steps: Steps = PLAIN, states: States | None = None, empty: str = "", decimals: int | None = None,
) -> Panel:  # fmt: skip
    """One value a series; with the line it came along if it was asked over time."""
    panel = _described(stat.Panel(), title, unit, description, asked, width, height, steps, empty)
    panel = panel.graph_mode(option.BigValueGraphMode.AREA).color_mode(option.BigValueColorMode.VALUE)
    panel = panel.reduce_options(_last()).mappings(_mappings(states or {}))
    return panel if decimals is None else panel.decimals(decimals)


def curves(
    title: str, unit: str, description: str, asked: Questions, *, width: int = 12, height: int = 8,
    steps: Steps = (), limit: str = "", margin: str = "", colours: Mapping[str, str] | None = None, stacked: str = "",
    least: float | None = 0, most: float | None = None, logarithmic: bool = False, empty: str = "",
) -> Panel:  # fmt: skip
    """Lines over time. `steps` are drawn as dashed lines.

    Series whose name matches `limit` are limits of the others, those that match `margin` their margins of error.
    `stacked` is "normal" or "percent"; `colours` name series of fixed colour.
    """
    panel = _described(lines.Panel(), title, unit, description, asked, width, height, steps or PLAIN, empty)
    panel = panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    panel = panel.line_width(2).show_points(option.VisibilityMode.NEVER).legend(_legend())
    panel = panel.tooltip(common.VizTooltipOptions().mode(option.TooltipDisplayMode.MULTI))
    panel = panel.fill_opacity(60 if stacked else 8).stacking(
        common.StackingConfig().mode(option.StackingMode(stacked or "none")).group("A")
    )
    if steps:
        dashed = common.GraphThresholdsStyleConfig().mode(option.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(dashed)
        panel = panel.axis_soft_max(1.1 * max(value for value, _ in steps if value is not None))
    if logarithmic:
        scale = common.ScaleDistributionConfig().type(option.ScaleDistribution.LOG).log(10)
        panel, least = panel.scale_distribution(scale), None
    for pattern, colour, style in ((limit, RED, DASHED), (margin, GRAY, DOTTED)):
        if pattern:
            panel = panel.override_by_regexp(pattern, _properties(_fixed(colour), fillOpacity=0, lineStyle=style))
    for name, colour in (colours or {}).items():
        panel = panel.override_by_name(name, _properties(_fixed(colour)))
    panel = panel if least is None else panel.axis_soft_min(least)
    return panel if most is None else panel.max(most)


def density(
    title: str, unit: str, description: str, asked: Dataquery, *, width: int = 12, height: int = 8, empty: str = ""
) -> Panel:
    """A histogram over time; the unit is that of its buckets."""
    panel = _described(heatmap.Panel(), title, unit, description, asked, width, height, PLAIN, empty)
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Turbo").exponent(0.5).steps(64)
    axis = heatmap.YAxisConfig().unit(unit).axis_placement(option.AxisPlacement.LEFT)
    return panel.color(colour).y_axis(axis).cell_gap(1).show_legend().mode(option.TooltipDisplayMode.SINGLE)


def bars(
    title: str, unit: str, description: str, asked: Questions, *, width: int = 8, height: int = 8,
    steps: Steps = PLAIN, most: float | None = None, empty: str = "",
) -> Panel:  # fmt: skip
    """A bar a series, in the order of the answer."""
    panel = _described(bargauge.Panel(), title, unit, description, asked, width, height, steps, empty)
    panel = panel.orientation(option.VizOrientation.HORIZONTAL).display_mode(option.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(_last()).min(0)
    return panel if most is None else panel.max(most)


def timeline(
    title: str, unit: str, description: str, asked: Questions, *, states: States, width: int = 12, height: int = 6,
    empty: str = "",
) -> Panel:  # fmt: skip
    """A band a series, coloured by the state it was in."""
    panel = _described(statetimeline.Panel(), title, unit, description, asked, width, height, PLAIN, empty)
    return panel.mappings(_mappings(states)).show_value(option.VisibilityMode.NEVER).fill_opacity(80).line_width(0)


def listing(
    title: str, unit: str, description: str, asked: Questions, *, columns: Sequence[Column], width: int = 12,
    height: int = 8, states: States | None = None, empty: str = "", descending: str = "",
) -> Panel:  # fmt: skip
    """A table: one row for each set of labels that the answers share."""
    asked = [asked] if isinstance(asked, Dataquery) else asked
    panel = _described(table.Panel(), title, unit, description, asked, width, height, PLAIN, empty)
    panel = panel.cell_height(option.TableCellHeight.SM).mappings(_mappings(states or {}))
    named = {column.field: column.title for column in columns}
    order = {column.field: index for index, column in enumerate(columns)}
    organised = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": named}
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=organised))
    if descending:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(descending).desc(True)])
    for column in columns:
        if properties := _column_properties(column):
            panel = panel.override_by_name(column.title, properties)
    return panel


def note(title: str, description: str, content: str, *, width: int = 24, height: int = 2) -> Panel:
    """Words, in Markdown."""
    panel = text.Panel().title(title).description(description).span(width).height(height)
    return panel.mode(TextMode.MARKDOWN).content(content)


def _described(
    panel: P, title: str, unit: str, description: str, asked: Questions, width: int, height: int, steps: Steps,
    empty: str,
) -> P:  # fmt: skip
    """Give a panel what every panel has."""
    questions = [asked] if isinstance(asked, Dataquery) else asked
    panel = panel.title(title).unit(unit).description(description).datasource(SOURCE).span(width).height(height)
    for letter, question in zip("ABCDEFGH", questions, strict=False):
        panel = panel.with_target(question.ref_id(letter))
    panel = panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    panel = panel.thresholds(_thresholds(steps))
    return panel.no_value(empty) if empty else panel


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    made = [model.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)


def _mappings(states: States) -> list[model.ValueMapping]:
    shown = {
        value: model.ValueMappingResult(text=shown, color=colour, index=index)
        for index, (value, (shown, colour)) in enumerate(states.items())
    }
    return [model.ValueMap(options=shown)] if shown else []


def _column_properties(column: Column) -> list[model.DynamicConfigValue]:
    found: list[model.DynamicConfigValue] = []
    if column.unit:
        found.append(model.DynamicConfigValue("unit", column.unit))
    if column.steps:
        found.append(model.DynamicConfigValue("thresholds", _thresholds(column.steps).build()))
    if column.gauge:
        found += [model.DynamicConfigValue("min", 0), model.DynamicConfigValue("max", 1)]
        found += _properties(cellOptions={"type": "gauge", "mode": "basic", "valueDisplayMode": "text"})
    elif column.steps or column.coloured:
        found += _properties(cellOptions={"type": "color-text"})
    if column.link:
        link = {"title": "Open", "url": column.link, "targetBlank": True}
        found.append(model.DynamicConfigValue("links", [link]))
    return found


def _properties(color: Any = None, **custom: Any) -> list[model.DynamicConfigValue]:
    found = [model.DynamicConfigValue(f"custom.{name}", value) for name, value in custom.items()]
    return found if color is None else [model.DynamicConfigValue("color", color), *found]


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
