"""The parts that all dashboards share: variables, links, annotations, and the layout of rows."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from tools.dashboards.label_matchers import MODULE, SERVER_AND_MODULE
from tools.dashboards.panels import Panel
from tools.dashboards.queries import SOURCE

TAG = "imip"
TITLES = {
    "imip-overview": "Overview",
    "imip-serving": "Serving",
    "imip-model": "Model behaviour",
    "imip-drift": "Drift",
    "imip-intake": "Intake and privacy",
}
GRAFANA = "11.6.0"  # without a version Grafana migrates the panels as old ones
ALL = ".+"  # `.*` would also match series without the label

Row = tuple[str, Sequence[Panel]]


def build_dashboard(uid: str, description: str, rows: Sequence[Row]) -> dashboard.Dashboard:
    """Build a dashboard from rows of panels."""
    built = (
        dashboard.Dashboard(f"IMIP · {TITLES[uid]}")
        .uid(uid)
        .description(f"{description} For research and teaching only, never for diagnosis.")
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("30s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .variables(_variables())
        .annotations(_annotations())
        .links([_link(other) for other in TITLES])
    )
    for title, panels in rows:
        built = built.with_row(dashboard.Row(title))
        for panel in panels:
            built = built.with_panel(panel)
    for number, placed in enumerate(built.build().panels or [], start=1):
        placed.id_val = number
        if isinstance(placed, model.Panel):
            placed.plugin_version = GRAFANA
    return built


def _variables() -> list[Builder[model.VariableModel]]:
    # Every process exports its memory, API workers and drift monitor, so this metric lists all servers.
    servers = "imip_process_resident_memory_bytes"
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return [
        source.multi(False).include_all(False),
        _query_variable("job", "Job", f"label_values({servers}, job)"),
        _query_variable("instance", "Server", f'label_values({servers}{{job=~"$job"}}, instance)'),
        _query_variable("module", "Module", "label_values(imip_model_info, module)"),
    ]


def _query_variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .multi(True)
        .include_all(True)
        .all_value(ALL)
        .current(everything)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _link(uid: str) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(TITLES[uid]).type(model.DashboardLinkType.LINK).url(f"/d/{uid}")
    return link.icon("dashboard").include_vars(True).keep_time(True)


class _ChangeAnnotation(dashboard.AnnotationQuery):
    """Marks the time when a new version is used. The SDK has no annotation with a Prometheus query."""

    def __init__(self, name: str, colour: str, metric: str, text: str) -> None:
        super().__init__()
        self._internal = _PrometheusAnnotation(name=name, datasource=SOURCE, enable=True, icon_color=colour)
        self._internal.text, self._internal.promql = text, _version_changes(metric)


class _PrometheusAnnotation(model.AnnotationQuery):
    """An annotation from a Prometheus query."""

    text = promql = ""

    def to_json(self) -> dict[str, object]:
        target = {"expr": self.promql, "refId": "Anno", "datasource": SOURCE, "range": True, "instant": False}
        fields = {"titleFormat": self.name, "textFormat": self.text, "tagKeys": "module,version"}
        return {**super().to_json(), **fields, "target": target}


def _version_changes(info: str) -> str:
    """Return a query for the first step with a new version. A restart of less than five minutes is not a change."""
    in_use = f"max by (module, version) ({info} == 1)"
    before = f"max by (module, version) (last_over_time({info}[5m] offset $__interval) == 1)"
    return f"{in_use} unless {before}"


def _annotations() -> list[Builder[model.AnnotationQuery]]:
    return [
        _ChangeAnnotation(
            "Model version",
            "blue",
            f"imip_model_info{{{SERVER_AND_MODULE}}}",
            "{{module}} now serves version {{version}}",
        ),
        _ChangeAnnotation(
            "Drift reference",
            "purple",
            f"imip_drift_reference_info{{{MODULE}}}",
            "drift of {{module}} is now measured from reference {{version}}",
        ),
    ]
