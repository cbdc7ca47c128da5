"""The dashboard Drift: results of the last checks, shifted features, and whether the drift monitor works."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.colours import GREEN, ORANGE, RED, below, high_is_bad, low_is_bad
from tools.dashboards.label_matchers import MODULE, SERVER
from tools.dashboards.layout import Row, build_dashboard
from tools.dashboards.panels import (
    Column,
    Panel,
    bar_gauge_panel,
    stat_panel,
    state_timeline_panel,
    table_panel,
    text_panel,
    time_series_panel,
)
from tools.dashboards.queries import instant_query, range_query, table_query

DETECTORS = {
    "mmd": ("MMD of embeddings", "maximum mean discrepancy between embeddings"),
    "ks": ("Kolmogorov-Smirnov of features", "largest Kolmogorov-Smirnov distance of a feature or the confidence"),
    "chi2": ("Chi-squared of labels", "chi-squared statistic of the labels given"),
}
LEVEL = 0.05 / len(DETECTORS)  # significance level per detector, from the default `p_value`
UNCHECKED = "No check yet: one needs 20 independent findings."
DISTANCE = high_is_bad(orange=0.15, red=0.3)
STATES = {"0": ("as usual", GREEN), "1": ("drift", RED)}
SHIFT = f"max by (module, feature) (imip_drift_feature_statistic{{{MODULE}}})"
SHIFTED = f"max by (module, feature) (imip_drift_feature_detected{{{MODULE}}})"


def build() -> Dashboard:
    return build_dashboard(
        "imip-drift",
        "How the newest findings compare with the reference, and whether the comparison is fresh.",
        [_verdict(), _statistics(), _p_values(), _features(), _monitor()],
    )


def _verdict() -> Row:
    return "Verdict", [
        stat_panel(
            "Last check",
            "short",
            "What each detector says of the newest findings. One check alarms by chance in at most 5% of cases, and "
            "follow-up checks share findings with it: an alert fires once all checks of half an hour agree and the "
            "first was made before that.",
            instant_query(f"max by (detector) (imip_drift_detected{{{MODULE}}})", "{{detector}}"),
            states=STATES,
            width=8,
            no_value=UNCHECKED,
        ),
        stat_panel(
            "Age of the last check",
            "s",
            "Time since the last check. Checks follow new findings, so it grows while none come; old in spite of new "
            "findings means that nobody looks.",
            instant_query(
                f"time() - max by (module) (imip_drift_last_check_timestamp_seconds{{{MODULE}}})", "{{module}}"
            ),
            thresholds=high_is_bad(orange=900, red=86400),
            no_value=UNCHECKED,
        ),
        stat_panel(
            "Window fill",
            "percentunit",
            "Independent findings in the last check, of those wanted. Slices of one patient count once, so a small "
            "window means few patients; it is checked as it is, with less power.",
            range_query(f"max by (module) (imip_drift_window_fill_ratio{{{MODULE}}})", "{{module}}"),
            thresholds=low_is_bad(red=0.1, orange=0.5),
            no_value=UNCHECKED,
        ),
        stat_panel(
            "Reference",
            "short",
            "Independent findings in the reference that the last check compared with.",
            instant_query(f"max by (module) (imip_drift_reference_findings{{{MODULE}}})", "{{module}}"),
            no_value=UNCHECKED,
        ),
        stat_panel(
            "Features shifted",
            "short",
            "Features that differ from the reference, the false discovery rate over all of them controlled.",
            range_query(f"sum by (module) ({SHIFTED})", "{{module}}"),
            thresholds=below(1),
            no_value=UNCHECKED,
        ),
    ]


def _statistics() -> Row:
    return "Statistics and their thresholds", [_statistic(detector) for detector in DETECTORS]


def _statistic(detector: str) -> Panel:
    title, measure = DETECTORS[detector]
    of_detector = f'{{{MODULE}, detector="{detector}"}}'
    return time_series_panel(
        title,
        "none",
        f"The {measure}, window against reference, and the threshold (dashed) above which the detector says drift. How "
        "far above is a rough measure of how strong the drift is.",
        [
            range_query(f"max by (module) (imip_drift_statistic{of_detector})", "{{module}}"),
            range_query(f"max by (module) (imip_drift_threshold{of_detector})", "{{module}} threshold"),
        ],
        limit=".*threshold",
        width=8,
        no_value=UNCHECKED,
    )


def _p_values() -> Row:
    return "Significance", [
        time_series_panel(
            "p-values",
            "none",
            f"How likely so large a difference is by chance, by detector, on a logarithmic scale. Below the dashed "
            f"{LEVEL:.3f} (the default level of 0.05, shared by three detectors) the detector says drift. "
            "Values below a millionth are drawn as one.",
            range_query(
                f"clamp_min(min by (module, detector) (imip_drift_p_value{{{MODULE}}}), 1e-6)",
                "{{module}} {{detector}}",
            ),
            thresholds=((None, RED), (LEVEL, GREEN)),
            logarithmic=True,
            max_value=1,
            no_value=UNCHECKED,
        ),
        state_timeline_panel(
            "Verdicts",
            "short",
            "What each detector said over time. Single red patches are what chance does; long ones, of several "
            "detectors, are drift.",
            range_query(f"max by (module, detector) (imip_drift_detected{{{MODULE}}})", "{{module}} {{detector}}"),
            states=STATES,
            height=8,
            no_value=UNCHECKED,
        ),
    ]


def _features() -> Row:
    return "Where to look", [
        bar_gauge_panel(
            "Features by their shift",
            "percentunit",
            "Kolmogorov-Smirnov distance of each feature from the reference in the last check, largest first: the "
            "share of findings that would have to change. The leaders say what to look at.",
            instant_query(f"sort_desc(topk(12, {SHIFT}))", "{{feature}}"),
            thresholds=DISTANCE,
            max_value=1,
            width=14,
            height=12,
            no_value=UNCHECKED,
        ),
        table_panel(
            "Shifted features",
            "percentunit",
            "Features whose difference is more than chance, the false discovery rate controlled, and their distance.",
            table_query(f"{SHIFT} and {SHIFTED} == 1"),
            columns=[
                Column("module", "Module"),
                Column("feature", "Feature"),
                Column("Value", "Distance", thresholds=DISTANCE, gauge=True),
            ],
            sort_descending_by="Distance",
            width=10,
            height=12,
            no_value="No feature has shifted.",
        ),
    ]


def _monitor() -> Row:
    last = f"imip_drift_last_check_timestamp_seconds{{{MODULE}}}"
    return "The monitor and its report", [
        stat_panel(
            "Monitors that compute",
            "short",
            "Drift monitors that hold the lease and compute. It should be one; none for long means that nobody looks.",
            instant_query("sum(imip_drift_computing)", "computing"),
            thresholds=((None, RED), (1, GREEN), (2, ORANGE)),
            height=7,
            no_value="No monitor",
        ),
        time_series_panel(
            "Checks and failures",
            "short",
            "Checks made in each hour, and turns of the monitor that failed. Failures that go on have their cause in "
            "the monitor's log.",
            [
                range_query(f"max by (module) (changes({last}[1h]))", "{{module}} checks in the last hour"),
                range_query("sum(increase(imip_drift_failures_total[1h]))", "failures in the last hour"),
            ],
            colours={"failures in the last hour": RED},
            width=6,
            height=7,
        ),
        time_series_panel(
            "Duration of a check",
            "s",
            "Time that each check took. It grows with the window and with what else the machine does.",
            range_query(f"max by (module) (imip_drift_check_duration_seconds{{{MODULE}}})", "{{module}}"),
            width=5,
            height=7,
            no_value=UNCHECKED,
        ),
        table_panel(
            "The report, by server",
            "short",
            "Servers that hand out the drift report with every feature's distribution. A server's name opens it, where "
            "your browser can reach that server.",
            table_query(f"sum by (instance) (imip_workers{{{SERVER}}}) > 0"),
            columns=[
                Column("instance", "Server", link="http://${__value.text}/reports/drift"),
                Column("Value", "Workers"),
            ],
            width=4,
            height=7,
        ),
        text_panel(
            "Read more",
            "Where the report and the explanations stand.",
            "`http://HOST/reports/drift` is the full report, a page; HOST is where you reach the API.\n\n"
            "- `docs/explanation/drift.md`: what the detectors measure, and how often they are wrong\n"
            "- `docs/runbooks/drift.md`: what to do about an alert",
            width=5,
            height=7,
        ),
    ]
