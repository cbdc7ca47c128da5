"""What all dashboards share: variables, links to each other, marks of changes, and how rows become a page."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from tools.dashboards.matchers import OF_MODULE, SERVED
from tools.dashboards.panels import Panel
from tools.dashboards.targets import SOURCE

TAG = "imip"
TITLES = {
    "imip-overview": "Overview",
    "imip-serving": "Serving",
    "imip-model": "Model behaviour",
    "imip-drift": "Drift",
    "imip-intake": "Intake and privacy",
}
GRAFANA = "11.6.0"  # without a version Grafana takes panels for old ones and migrates them
ALL = ".+"  # not `.*`: it would match series without the label

Row = tuple[str, Sequence[Panel]]


def page(uid: str, description: str, rows: Sequence[Row]) -> dashboard.Dashboard:
    """Put rows of panels into the frame that all dashboards share."""
    made = (
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
        made = made.with_row(dashboard.Row(title))
        for panel in panels:
            made = made.with_panel(panel)
    for number, placed in enumerate(made.build().panels or [], start=1):
        placed.id_val = number
        if isinstance(placed, model.Panel):
            placed.plugin_version = GRAFANA
    return made


def _variables() -> list[Builder[model.VariableModel]]:
    # Every process exports its memory, the API's workers and the drift monitor's alike, so no server is left out.
    servers = "imip_process_resident_memory_bytes"
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return [
        source.multi(False).include_all(False),
        _choice("job", "Job", f"label_values({servers}, job)"),
        _choice("instance", "Server", f'label_values({servers}{{job=~"$job"}}, instance)'),
        _choice("module", "Module", "label_values(imip_model_info, module)"),
    ]


def _choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
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


class _Change(dashboard.AnnotationQuery):
    """Marks where a version is in use that was not in use before; the SDK's model lacks what Prometheus marks need."""

    def __init__(self, name: str, colour: str, metric: str, text: str) -> None:
        super().__init__()
        self._internal = _Marks(name=name, datasource=SOURCE, enable=True, icon_color=colour)
        self._internal.text, self._internal.asked = text, _appeared(metric)


class _Marks(model.AnnotationQuery):
    """An annotation that Prometheus answers."""

    text = asked = ""

    def to_json(self) -> dict[str, object]:
        target = {"expr": self.asked, "refId": "Anno", "datasource": SOURCE, "range": True, "instant": False}
        marks = {"titleFormat": self.name, "textFormat": self.text, "tagKeys": "module,version"}
        return {**super().to_json(), **marks, "target": target}


def _appeared(info: str) -> str:
    """True in the step in which a version comes into use; a restart that takes less than five minutes is no change."""
    used = f"max by (module, version) ({info} == 1)"
    before = f"max by (module, version) (last_over_time({info}[5m] offset $__interval) == 1)"
    return f"{used} unless {before}"


def _annotations() -> list[Builder[model.AnnotationQuery]]:
    return [
        _Change("Model version", "blue", f"imip_model_info{{{SERVED}}}", "{{module}} now serves version {{version}}"),
        _Change(
            "Drift reference",
            "purple",
            f"imip_drift_reference_info{{{OF_MODULE}}}",
            "drift of {{module}} is now measured from reference {{version}}",
        ),
    ]
