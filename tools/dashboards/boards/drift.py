"""Whether the scans have changed, which detector says so, where to look, and whether anybody looks at all."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.colours import GREEN, ORANGE, RED, below, high_is_bad, low_is_bad
from tools.dashboards.layout import Row, page
from tools.dashboards.matchers import OF_MODULE, SERVER
from tools.dashboards.panels import Column, Panel, bars, big_number, curves, listing, note, timeline
from tools.dashboards.targets import now, over_time, rows

DETECTORS = {
    "mmd": ("MMD of embeddings", "maximum mean discrepancy between embeddings"),
    "ks": ("Kolmogorov-Smirnov of features", "largest Kolmogorov-Smirnov distance of a feature or the confidence"),
    "chi2": ("Chi-squared of labels", "chi-squared statistic of the labels given"),
}
LEVEL = 0.05 / len(DETECTORS)  # the default `p_value`, which the detectors share
UNCHECKED = "No check yet: one needs 20 independent findings."
DISTANCE = high_is_bad(orange=0.15, red=0.3)
STATES = {"0": ("as usual", GREEN), "1": ("drift", RED)}
SHIFT = f"max by (module, feature) (imip_drift_feature_statistic{{{OF_MODULE}}})"
SHIFTED = f"max by (module, feature) (imip_drift_feature_detected{{{OF_MODULE}}})"


def build() -> Dashboard:
    return page(
        "imip-drift",
        "How the newest findings compare with the reference, and whether the comparison is fresh.",
        [_verdict(), _statistics(), _p_values(), _features(), _monitor()],
    )


def _verdict() -> Row:
    return "Verdict", [
        big_number(
            "Last check",
            "short",
            "What each detector says of the newest findings. One check alarms by chance in at most 5% of cases, and "
            "follow-up checks share findings with it: an alert fires once all checks of half an hour agree and the "
            "first was made before that.",
            now(f"max by (detector) (imip_drift_detected{{{OF_MODULE}}})", "{{detector}}"),
            states=STATES,
            width=8,
            empty=UNCHECKED,
        ),
        big_number(
            "Age of the last check",
            "s",
            "Time since the last check. Checks follow new findings, so it grows while none come; old in spite of new "
            "findings means that nobody looks.",
            now(f"time() - max by (module) (imip_drift_last_check_timestamp_seconds{{{OF_MODULE}}})", "{{module}}"),
            steps=high_is_bad(orange=900, red=86400),
            empty=UNCHECKED,
        ),
        big_number(
            "Window fill",
            "percentunit",
            "Independent findings in the last check, of those wanted. Slices of one patient count once, so a small "
            "window means few patients; it is checked as it is, with less power.",
            over_time(f"max by (module) (imip_drift_window_fill_ratio{{{OF_MODULE}}})", "{{module}}"),
            steps=low_is_bad(red=0.1, orange=0.5),
            empty=UNCHECKED,
        ),
        big_number(
            "Reference",
            "short",
            "Independent findings in the reference that the last check compared with.",
            now(f"max by (module) (imip_drift_reference_findings{{{OF_MODULE}}})", "{{module}}"),
            empty=UNCHECKED,
        ),
        big_number(
            "Features shifted",
            "short",
            "Features that differ from the reference, the false discovery rate over all of them controlled.",
            over_time(f"sum by (module) ({SHIFTED})", "{{module}}"),
            steps=below(1),
            empty=UNCHECKED,
        ),
    ]


def _statistics() -> Row:
    return "Statistics and their thresholds", [_statistic(detector) for detector in DETECTORS]


def _statistic(detector: str) -> Panel:
    title, measure = DETECTORS[detector]
    of_detector = f'{{{OF_MODULE}, detector="{detector}"}}'
    return curves(
        title,
        "none",
        f"The {measure}, window against reference, and the threshold (dashed) above which the detector says drift. How "
        "far above is a rough measure of how strong the drift is.",
        [
            over_time(f"max by (module) (imip_drift_statistic{of_detector})", "{{module}}"),
            over_time(f"max by (module) (imip_drift_threshold{of_detector})", "{{module}} threshold"),
        ],
        limit=".*threshold",
        width=8,
        empty=UNCHECKED,
    )


def _p_values() -> Row:
    return "Significance", [
        curves(
            "p-values",
            "none",
            f"How likely so large a difference is by chance, by detector, on a logarithmic scale. Below the dashed "
            f"{LEVEL:.3f} (the default level of 0.05, shared by three detectors) the detector says drift. "
            "Values below a millionth are drawn as one.",
            over_time(
                f"clamp_min(min by (module, detector) (imip_drift_p_value{{{OF_MODULE}}}), 1e-6)",
                "{{module}} {{detector}}",
            ),
            steps=((None, RED), (LEVEL, GREEN)),
            logarithmic=True,
            most=1,
            empty=UNCHECKED,
        ),
        timeline(
            "Verdicts",
            "short",
            "What each detector said over time. Single red patches are what chance does; long ones, of several "
            "detectors, are drift.",
            over_time(f"max by (module, detector) (imip_drift_detected{{{OF_MODULE}}})", "{{module}} {{detector}}"),
            states=STATES,
            height=8,
            empty=UNCHECKED,
        ),
    ]


def _features() -> Row:
    return "Where to look", [
        bars(
            "Features by their shift",
            "percentunit",
            "Kolmogorov-Smirnov distance of each feature from the reference in the last check, largest first: the "
            "share of findings that would have to change. The leaders say what to look at.",
            now(f"sort_desc(topk(12, {SHIFT}))", "{{feature}}"),
            steps=DISTANCE,
            most=1,
            width=14,
            height=12,
            empty=UNCHECKED,
        ),
        listing(
            "Shifted features",
            "percentunit",
            "Features whose difference is more than chance, the false discovery rate controlled, and their distance.",
            rows(f"{SHIFT} and {SHIFTED} == 1"),
            columns=[
                Column("module", "Module"),
                Column("feature", "Feature"),
                Column("Value", "Distance", steps=DISTANCE, gauge=True),
            ],
            descending="Distance",
            width=10,
            height=12,
            empty="No feature has shifted.",
        ),
    ]


def _monitor() -> Row:
    last = f"imip_drift_last_check_timestamp_seconds{{{OF_MODULE}}}"
    return "The monitor and its report", [
        big_number(
            "Monitors that compute",
            "short",
            "Drift monitors that hold the lease and compute. It should be one; none for long means that nobody looks.",
            now("sum(imip_drift_computing)", "computing"),
            steps=((None, RED), (1, GREEN), (2, ORANGE)),
            height=7,
            empty="No monitor",
        ),
        curves(
            "Checks and failures",
            "short",
            "Checks made in each hour, and turns of the monitor that failed. Failures that go on have their cause in "
            "the monitor's log.",
            [
                over_time(f"max by (module) (changes({last}[1h]))", "{{module}} checks in the last hour"),
                over_time("sum(increase(imip_drift_failures_total[1h]))", "failures in the last hour"),
            ],
            colours={"failures in the last hour": RED},
            width=6,
            height=7,
        ),
        curves(
            "Duration of a check",
            "s",
            "Time that each check took. It grows with the window and with what else the machine does.",
            over_time(f"max by (module) (imip_drift_check_duration_seconds{{{OF_MODULE}}})", "{{module}}"),
            width=5,
            height=7,
            empty=UNCHECKED,
        ),
        listing(
            "The report, by server",
            "short",
            "Servers that hand out the drift report with every feature's distribution. A server's name opens it, where "
            "your browser can reach that server.",
            rows(f"sum by (instance) (imip_workers{{{SERVER}}}) > 0"),
            columns=[
                Column("instance", "Server", link="http://${__value.text}/reports/drift"),
                Column("Value", "Workers"),
            ],
            width=4,
            height=7,
        ),
        note(
            "Read more",
            "Where the report and the explanations stand.",
            "`http://HOST/reports/drift` is the full report, a page; HOST is where you reach the API.\n\n"
            "- `docs/explanation/drift.md`: what the detectors measure, and how often they are wrong\n"
            "- `docs/runbooks/drift.md`: what to do about an alert",
            width=5,
            height=7,
        ),
    ]
