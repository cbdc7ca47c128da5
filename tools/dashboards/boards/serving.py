"""The dashboard Serving: latency, stages, workers, memory, queue and uploads."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.colours import GREEN, ORANGE, YELLOW, below, low_is_bad
from tools.dashboards.label_matchers import ANALYSIS_ROUTES, OTHER_ROUTES, SERVER, SERVER_AND_MODULE
from tools.dashboards.layout import Row, build_dashboard
from tools.dashboards.panels import Panel, bar_gauge_panel, heatmap_panel, stat_panel, time_series_panel
from tools.dashboards.queries import heatmap_query, instant_query, range_query


def build() -> Dashboard:
    return build_dashboard(
        "imip-serving",
        "Where time and memory of the servers go.",
        [_latency(), _stages(), _workers(), _queue(), _uploads()],
    )


def _latency() -> Row:
    return "Latency", [_latency_of("/predict", "0.25 s"), _latency_of("/heatmap", "1 s")]


def _latency_of(route: str, objective: str) -> Panel:
    requests = f'imip_request_duration_seconds_bucket{{{SERVER}, route="{route}"}}'
    return heatmap_panel(
        f"Latency of {route}",
        "s",
        f"How many answers to {route} took how long, failures included. 99% are promised within {objective}; a second "
        "band above the first is a queue, a slow database or a slow kind of scan.",
        heatmap_query(f"sum by (le) (increase({requests}[$__rate_interval]))"),
    )


def _stages() -> Row:
    spent = f"sum by (stage) (rate(imip_stage_duration_seconds_sum{{{SERVER_AND_MODULE}}}[$__rate_interval]))"
    done = f'sum(rate(imip_stage_duration_seconds_count{{{SERVER_AND_MODULE}, stage="infer"}}[$__rate_interval]))'
    by_bucket = (
        f"sum by (stage, le) (rate(imip_stage_duration_seconds_bucket{{{SERVER_AND_MODULE}}}[$__rate_interval]))"
    )
    return "Where the time goes", [
        time_series_panel(
            "Mean time of an analysis, by stage",
            "s",
            "Time a mean analysis spends in each stage. `explain` and `overlay` are done for /heatmap alone. A stage "
            "that grows alone points at its cause: `decode` at larger files, `infer` at the processor.",
            range_query(f"{spent} / ignoring (stage) group_left {done}", "{{stage}}"),
            stacked="normal",
        ),
        time_series_panel(
            "95% of each stage within",
            "s",
            "Time within which 95% of the runs of a stage are done, on a logarithmic scale.",
            range_query(f"histogram_quantile(0.95, {by_bucket})", "{{stage}}"),
            logarithmic=True,
        ),
    ]


def _workers() -> Row:
    processor = f"rate(imip_process_cpu_seconds_total{{{SERVER}}}[$__rate_interval])"
    of_api = f"and on (job, instance) imip_build_info{{{SERVER}}}"  # a separate drift monitor has no workers
    return "Workers and memory", [
        stat_panel(
            "Workers ready",
            "percentunit",
            "Share of the API workers that are warm and whose log takes predictions. At 0% nothing is answered; below "
            "100% look at the log and at the prediction log's database.",
            instant_query(f"sum(imip_workers_ready{{{SERVER}}}) / sum(imip_workers{{{SERVER}}})", "ready"),
            thresholds=low_is_bad(red=0.5, orange=1),
            height=8,
        ),
        time_series_panel(
            "Workers",
            "short",
            "API workers alive and ready, by server. A line that dips again and again is a worker that dies and comes "
            "back: see the server's log.",
            [
                range_query(f"sum by (instance) (imip_workers{{{SERVER}}} {of_api})", "{{instance}} alive"),
                range_query(f"sum by (instance) (imip_workers_ready{{{SERVER}}} {of_api})", "{{instance}} ready"),
            ],
            width=6,
        ),
        time_series_panel(
            "Memory",
            "bytes",
            "Resident memory, by server and kind of process; pages that processes share count for each. A steady climb "
            "is a leak.",
            range_query(
                f"sum by (instance, process) (imip_process_resident_memory_bytes{{{SERVER}}})",
                "{{instance}} {{process}}",
            ),
            width=7,
        ),
        time_series_panel(
            "Processor time",
            "short",
            "Processor cores used, by server and kind of process. As many as there are workers means that the servers "
            "are at their limit.",
            range_query(f"sum by (instance, process) ({processor})", "{{instance}} {{process}}"),
            width=7,
        ),
        bar_gauge_panel(
            "Memory of each module",
            "bytes",
            "Resident memory by which a worker grew as it loaded a module, the largest of the servers. What several "
            "modules share counts for the first of them. A module that IMIP_MODULES leaves out is not loaded.",
            instant_query(f"max by (module) (imip_module_memory_bytes{{{SERVER}}})", "{{module}}"),
            width=12,
        ),
        bar_gauge_panel(
            "Start of each module",
            "s",
            "Time a worker took to load a module and answer a first scan, the longest of the servers.",
            instant_query(f"max by (module) (imip_module_load_duration_seconds{{{SERVER}}})", "{{module}}"),
            width=12,
        ),
    ]


def _queue() -> Row:
    waited = f"sum by (le) (rate(imip_queue_duration_seconds_bucket{{{SERVER}}}[$__rate_interval]))"
    requests = f"rate(imip_request_duration_seconds_count{{{ANALYSIS_ROUTES}}}[$__rate_interval])"
    read = f"rate(imip_request_duration_seconds_count{{{OTHER_ROUTES}}}[$__rate_interval])"
    limited = f"imip_shed_requests_total{{{OTHER_ROUTES}}}"  # all other routes with a concurrency limit
    return "Queue and shedding", [
        time_series_panel(
            "Wait for the worker's thread",
            "s",
            "Time for which half and 95% of the analyses wait until their worker's one thread is free. Waits as long "
            "as an analysis mean that requests come faster than they are done.",
            [
                range_query(f"histogram_quantile(0.5, {waited})", "p50"),
                range_query(f"histogram_quantile(0.95, {waited})", "p95"),
            ],
            colours={"p50": GREEN, "p95": YELLOW},
            width=8,
        ),
        time_series_panel(
            "Requests in flight",
            "short",
            "Requests being answered, by route, and the places for analyses. At the dashed line further ones are shed.",
            [
                range_query(f"sum by (route) (imip_requests_in_flight{{{SERVER}}})", "{{route}}"),
                range_query(f"sum(imip_request_places{{{SERVER}}})", "places"),
            ],
            limit="places",
            width=8,
        ),
        time_series_panel(
            "Requests shed",
            "percentunit",
            "Share of analyses, and of reads of the log, refused with 503 because every place was taken; each have "
            "their own. Clients may try again after a second. If analyses are shed for long, add workers or servers.",
            [
                range_query(_shed(ANALYSIS_ROUTES, requests), "analyses"),
                range_query(_shed(OTHER_ROUTES, f"{read} and on (job, instance, route) {limited}"), "reads of the log"),
            ],
            colours={"analyses": ORANGE, "reads of the log": YELLOW},
            thresholds=below(0.01),
            width=8,
        ),
    ]


def _shed(routes: str, requests: str) -> str:
    """Return a query for the share of requests that were shed; 0 if there are no requests."""
    shed = f"sum(rate(imip_shed_requests_total{{{routes}}}[$__rate_interval]))"
    return f"{shed} / (sum({requests}) > 0) or 0 * {shed}"


def _uploads() -> Row:
    sizes = f"sum by (le) (increase(imip_upload_size_bytes_bucket{{{SERVER}}}[$__rate_interval]))"
    per_format = f"sum by (format) (rate(imip_upload_size_bytes_count{{{SERVER}}}[$__rate_interval]))"
    total = f"increase(imip_upload_size_bytes_sum{{{SERVER}}}[$__range])"
    count = f"increase(imip_upload_size_bytes_count{{{SERVER}}}[$__range])"
    return "Uploads", [
        heatmap_panel(
            "Size of the scans",
            "bytes",
            "How many scans analysed had which size. What passes the limit is refused and does not show here.",
            heatmap_query(sizes),
            width=10,
        ),
        time_series_panel(
            "Formats",
            "reqps",
            "Scans analysed each second, by format as told from their bytes. A new mix means a new kind of client.",
            range_query(per_format, "{{format}}"),
            stacked="normal",
            width=8,
        ),
        bar_gauge_panel(
            "Mean size by format",
            "bytes",
            "Mean size of the scans analysed in the shown time, by format.",
            instant_query(
                f"sum by (format) ({total}) / (sum by (format) ({count}) > 0) or 0 * sum by (format) ({count})",
                "{{format}}",
            ),
            width=6,
        ),
    ]
