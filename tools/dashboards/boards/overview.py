"""The dashboard Overview: objectives, alerts, traffic, latency, saturation, drift and versions."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.boards.promises import promises
from tools.dashboards.colours import GREEN, ORANGE, RED, YELLOW, below, high_is_bad, low_is_bad
from tools.dashboards.label_matchers import ANALYSIS_ROUTES, JOB, MODULE, SERVER, SERVER_AND_MODULE
from tools.dashboards.layout import Row, build_dashboard
from tools.dashboards.panels import Column, Panel, stat_panel, table_panel, time_series_panel
from tools.dashboards.queries import instant_query, range_query, table_query

ALERT_STATES = {
    "firing": ("firing", RED),
    "pending": ("pending", ORANGE),
    "page": ("page", RED),
    "ticket": ("ticket", YELLOW),
}
QUANTILES = {0.5: "p50", 0.95: "p95", 0.99: "p99"}
ERRORS = f"sum by (status) (rate(imip_request_duration_seconds_count{{{ANALYSIS_ROUTES}}}[$__rate_interval]))"


def build() -> Dashboard:
    return build_dashboard(
        "imip-overview",
        "Objectives, traffic and saturation of the service, and what model and drift say.",
        [promises(), _alerts(), _traffic(), _latency(), _saturation(), _model(), _versions()],
    )


def _alerts() -> Row:
    since = 'ALERTS{alertname=~"Imip.+"} * ignoring (alertstate) group_left ALERTS_FOR_STATE{alertname=~"Imip.+"}'
    labels = "alertname, severity, alertstate, job, module"
    return "Alerts", [
        table_panel(
            "Active alerts",
            "dateTimeFromNow",
            "Alerts that fire or are about to, and since when their condition holds. What each means and what to do "
            "stands in docs/runbooks.",
            table_query(f"1000 * min by ({labels}) ({since})"),
            columns=[
                Column("alertname", "Alert"),
                Column("severity", "Severity", coloured=True),
                Column("alertstate", "State", coloured=True),
                Column("job", "Job"),
                Column("module", "Module"),
                Column("Value", "Since"),
            ],
            states=ALERT_STATES,
            width=24,
            height=5,
            no_value="No alert is active.",
        )
    ]


def _traffic() -> Row:
    return "Traffic and errors", [
        time_series_panel(
            "Requests",
            "reqps",
            "Requests answered each second, by route. A sudden fall to nothing is as much news as a flood.",
            range_query(
                f"sum by (route) (rate(imip_request_duration_seconds_count{{{SERVER}}}[$__rate_interval]))", "{{route}}"
            ),
            stacked="normal",
            width=8,
        ),
        time_series_panel(
            "Analyses by status",
            "reqps",
            "Answers to /predict and /heatmap each second, by HTTP status. 4xx are faults of the file or the request, "
            "503 is a full server or a lost log, 500 is our fault.",
            range_query(ERRORS, "{{status}}"),
            colours={"200": GREEN, "500": RED, "503": ORANGE},
            stacked="normal",
            width=8,
        ),
        time_series_panel(
            "Analyses failed",
            "percentunit",
            "Share of analyses of the last five minutes answered with 5xx. Above the dashed line the error budget is "
            "spent faster than it lasts; at 7.2% (14.4 times) a page goes out.",
            range_query(f"job:imip_request_errors:ratio_rate5m{{{JOB}}}", "{{job}}"),
            thresholds=below(0.005),
            width=8,
        ),
    ]


def _latency() -> Row:
    return "Latency", [
        _quantiles("/predict", 0.25),
        _quantiles("/heatmap", 1),
        time_series_panel(
            "Analyses too slow",
            "percentunit",
            "Share of analyses of the last five minutes slower than their objective. Above the dashed line the latency "
            "budget is spent faster than it lasts.",
            range_query(f"round(job:imip_slow_requests:ratio_rate5m{{{JOB}}}, 0.0001)", "{{job}}"),
            thresholds=below(0.01),
            width=8,
        ),
    ]


def _quantiles(route: str, objective: float) -> Panel:
    requests = f'imip_request_duration_seconds_bucket{{{SERVER}, route="{route}", status!~"5..|408|499"}}'
    by_bucket = f"sum by (le) (rate({requests}[$__rate_interval]))"
    return time_series_panel(
        f"Latency of {route}",
        "s",
        f"Time within which half, 95% and 99% of the answers to {route} are complete; failures and uploads broken off "
        f"are left out. 99% are promised within the dashed {objective:g} s.",
        [range_query(f"histogram_quantile({share}, {by_bucket})", name) for share, name in QUANTILES.items()],
        thresholds=below(objective),
        colours={"p50": GREEN, "p95": YELLOW, "p99": ORANGE},
        width=8,
    )


def _saturation() -> Row:
    in_flight = f"sum(imip_requests_in_flight{{{ANALYSIS_ROUTES}}})"
    processor = f"rate(imip_process_cpu_seconds_total{{{SERVER}}}[$__rate_interval])"
    shed = f"rate(imip_shed_requests_total{{{ANALYSIS_ROUTES}}}[$__rate_interval])"
    return "Saturation", [
        time_series_panel(
            "Places taken",
            "percentunit",
            "Analyses held at once, of those that all workers hold before they shed with 503. Near 100% add workers or "
            "servers.",
            range_query(f"{in_flight} / sum(imip_request_places{{{SERVER}}})", "all servers"),
            thresholds=high_is_bad(orange=0.7, red=0.9),
            width=8,
        ),
        time_series_panel(
            "Analyses shed",
            "reqps",
            "Analyses refused each second because every place was taken. More than now and then means too few workers.",
            range_query(f"sum({shed})", "shed"),
            colours={"shed": ORANGE},
            width=8,
        ),
        time_series_panel(
            "Processor time",
            "short",
            "Processor cores used, by kind of process. One API worker analyses on one core.",
            range_query(f"sum by (process) ({processor})", "{{process}}"),
            width=8,
        ),
    ]


def _model() -> Row:
    return "Model and drift", [
        stat_panel(
            "Scans",
            "short",
            "Whether any detector of the last check says that the scans are unlike the reference. The page Drift says "
            "which and why.",
            instant_query(f"max by (module) (imip_drift_detected{{{MODULE}}})", "{{module}}"),
            states={"0": ("as usual", GREEN), "1": ("drifted", RED)},
            no_value="No check yet",
        ),
        stat_panel(
            "Last drift check",
            "s",
            "Age of the last drift check. Old while scans come in means that nobody looks.",
            instant_query(
                f"time() - max by (module) (imip_drift_last_check_timestamp_seconds{{{MODULE}}})", "{{module}}"
            ),
            thresholds=high_is_bad(orange=900, red=86400),
            no_value="No check yet",
        ),
        stat_panel(
            "Estimated accuracy",
            "percentunit",
            "Accuracy that the calibrated confidence of the last 1,000 findings lets expect. No label was seen: it is "
            "an estimate, and too high on foreign scans.",
            range_query(f"module:imip_estimated_accuracy:ratio{{{MODULE}}}", "{{module}}"),
            thresholds=low_is_bad(red=0.85, orange=0.92),
            no_value="No finding yet",
        ),
        stat_panel(
            "Mean confidence",
            "percentunit",
            "Mean calibrated confidence of the last 30 minutes. A collapse means scans the model does not know.",
            range_query(f"module:imip_confidence:mean30m{{{MODULE}}}", "{{module}}"),
            thresholds=low_is_bad(red=0.75, orange=0.85),
            no_value="No finding lately",
        ),
        stat_panel(
            "Uncertain",
            "percentunit",
            "Share of the last 30 minutes' findings too near the threshold to be called confident.",
            range_query(f"module:imip_uncertain:ratio_rate30m{{{MODULE}}}", "{{module}}"),
            thresholds=high_is_bad(orange=0.1, red=0.25),
            no_value="No finding lately",
        ),
        stat_panel(
            "Out of distribution",
            "percentunit",
            "Share of the last 30 minutes' findings whose scan is unlike those the model knows.",
            range_query(f"module:imip_out_of_distribution:ratio_rate30m{{{MODULE}}}", "{{module}}"),
            thresholds=high_is_bad(orange=0.1, red=0.2),
            no_value="No finding lately",
        ),
    ]


def _versions() -> Row:
    return "Versions", [
        table_panel(
            "Models",
            "short",
            "Model versions in use and the servers that serve each. More than one version of a module outside a "
            "rollout means that servers disagree.",
            table_query(f"count by (module, version) (imip_model_info{{{SERVER_AND_MODULE}}} == 1)"),
            columns=[Column("module", "Module"), Column("version", "Version"), Column("Value", "Servers")],
            height=5,
        ),
        table_panel(
            "Software",
            "short",
            "Versions of IMIP, BentoML and Python, and the servers that run each.",
            table_query(f"count by (version, bentoml, python) (imip_build_info{{{SERVER}}} == 1)"),
            columns=[
                Column("version", "IMIP"),
                Column("bentoml", "BentoML"),
                Column("python", "Python"),
                Column("Value", "Servers"),
            ],
            height=5,
        ),
    ]
