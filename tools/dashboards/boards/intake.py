"""The dashboard Intake and privacy: refused requests, declarations of DICOM files, prediction log and retention."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.colours import GRAY, GREEN, ORANGE, PLAIN, RED, below, high_is_bad
from tools.dashboards.label_matchers import JOB, SERVER, SERVER_AND_MODULE
from tools.dashboards.layout import Row, build_dashboard
from tools.dashboards.panels import bar_gauge_panel, stat_panel, time_series_panel
from tools.dashboards.queries import instant_query, range_query

DECLARED = {"yes": GREEN, "no": RED, "undeclared": GRAY}
UNREFUSED = "Nothing was refused."
OUTCOMES = {"written": GREEN, "spooled": ORANGE, "refused": RED}


def build() -> Dashboard:
    return build_dashboard(
        "imip-intake",
        "What is refused and why, what files declare of their privacy, and what the prediction log holds.",
        [_refusals(), _privacy(), _log(), _retention()],
    )


def _refusals() -> Row:
    refused = f"imip_rejections_total{{{SERVER}}}"
    occurred = f"sum by (reason) (increase({refused}[$__range] @ end()))"  # hides reasons that did not occur
    return "Refused requests", [
        time_series_panel(
            "Refusals by reason",
            "reqps",
            "Requests refused each second, by reason. Reasons of the file come from clients; `overloaded` and "
            "`log-unavailable` are ours.",
            range_query(f"sum by (reason) (rate({refused}[$__rate_interval])) and {occurred} > 0", "{{reason}}"),
            stacked="normal",
            width=10,
            no_value=UNREFUSED,
        ),
        time_series_panel(
            "Files refused",
            "percentunit",
            "Share of the last 30 minutes' analyses refused because of the file. A surge is a client that sends "
            "something new, or a broken one.",
            range_query(f"clamp_max(job:imip_rejected_uploads:ratio_rate30m{{{JOB}}}, 1)", "{{job}}"),
            thresholds=high_is_bad(orange=0.1, red=0.2),
            width=7,
        ),
        bar_gauge_panel(
            "Refusals in the shown time",
            "short",
            "Requests refused in the shown time, by reason, most frequent first.",
            instant_query(f"sort_desc(sum by (reason) (increase({refused}[$__range])) > 0)", "{{reason}}"),
            thresholds=((None, ORANGE),),
            width=7,
            no_value=UNREFUSED,
        ),
    ]


def _privacy() -> Row:
    dicom = f"imip_dicom_scans_total{{{SERVER}}}"
    warned = f'imip_warnings_total{{{SERVER_AND_MODULE}, warning=~"burned_in.*"}}'
    return "What DICOM files declare", [
        time_series_panel(
            "De-identification",
            "reqps",
            "DICOM files analysed each second, by whether they declare that the patient's identity was removed. "
            "Nothing but allowlisted technical attributes is kept in any case; `no` or `undeclared` says that a client "
            "sends files which it should have de-identified.",
            range_query(f"sum by (identity_removed) (rate({dicom}[$__rate_interval]))", "{{identity_removed}}"),
            colours=DECLARED,
            stacked="normal",
            width=8,
        ),
        time_series_panel(
            "Burned-in annotation",
            "reqps",
            "DICOM files analysed each second, by whether they declare text burned into their pixels. `undeclared` is "
            "unknown, not no.",
            range_query(f"sum by (burned_in) (rate({dicom}[$__rate_interval]))", "{{burned_in}}"),
            colours={**DECLARED, "yes": RED, "no": GREEN},
            stacked="normal",
            width=8,
        ),
        bar_gauge_panel(
            "DICOM files in the shown time",
            "short",
            "DICOM files analysed in the shown time, by what they declare, and the findings that warn of text in the "
            "pixels.",
            [
                instant_query(
                    f"sum by (identity_removed) (increase({dicom}[$__range]))", "identity removed: {{identity_removed}}"
                ),
                instant_query(f"sum by (burned_in) (increase({dicom}[$__range]))", "burned in: {{burned_in}}"),
                instant_query(f"sum by (warning) (increase({warned}[$__range]))", "warning: {{warning}}"),
            ],
            width=8,
        ),
    ]


def _log() -> Row:
    commits = f"sum by (le) (rate(imip_log_commit_duration_seconds_bucket{{{SERVER}}}[$__rate_interval]))"
    waiting, limit = f"imip_log_journal_rows{{{SERVER}}}", f"imip_log_journal_rows_limit{{{SERVER}}}"
    return "Prediction log", [
        stat_panel(
            "Takes predictions",
            "short",
            "Whether every server's log takes predictions. If not, they are refused with 503, or spooled to the "
            "journal if IMIP_LOG_OUTAGE says so.",
            instant_query(f"min by (backend) (imip_log_available{{{SERVER}}})", "{{backend}}"),
            states={"0": ("unavailable", RED), "1": ("available", GREEN)},
            height=8,
        ),
        time_series_panel(
            "Writes",
            "reqps",
            "Predictions each second, by what became of them: written to the log, spooled to the journal, or refused "
            "since neither took them. All but `written` need the database looked at.",
            range_query(f"sum by (outcome) (rate(imip_log_rows_total{{{SERVER}}}[$__rate_interval]))", "{{outcome}}"),
            colours=OUTCOMES,
            stacked="normal",
            width=7,
        ),
        time_series_panel(
            "Commits",
            "s",
            "Time within which half and 95% of the commits are done. Every answer waits for one, so a slow disk or "
            "database shows in latency.",
            [
                range_query(f"histogram_quantile(0.5, {commits})", "p50"),
                range_query(f"histogram_quantile(0.95, {commits})", "p95"),
            ],
            width=6,
        ),
        time_series_panel(
            "Journal",
            "percentunit",
            "Predictions that wait in the fullest journal for the database, of those it may hold. Above zero the "
            "database is gone or does not keep up; at 100% predictions are refused.",
            range_query(f"max({waiting} / on (job, instance) {limit}) or 0 * max({limit})", "fullest journal"),
            thresholds=high_is_bad(orange=0.5, red=0.9),
            width=7,
        ),
    ]


def _retention() -> Row:
    oldest = "max(imip_log_oldest_timestamp_seconds > 0)"  # 0 means an empty log
    return "Retention", [
        stat_panel(
            "Rows of the limit",
            "percentunit",
            "Predictions in the log, of those it may hold. At 100% the oldest are deleted first.",
            range_query("max(imip_log_stored_rows) / max(imip_log_retention_rows)", "stored"),
            thresholds=high_is_bad(orange=0.9, red=1.05),
            width=5,
            decimals=2,
        ),
        stat_panel(
            "Oldest prediction",
            "s",
            "Age of the oldest prediction in the log. Above the limit of the next panel nobody deletes.",
            instant_query(f"time() - {oldest}", "age"),
            width=5,
            no_value="The log is empty.",
        ),
        stat_panel(
            "Kept for",
            "s",
            "Age at which predictions are deleted, IMIP_RETENTION_DAYS.",
            instant_query("max(imip_log_retention_seconds)", "limit"),
            thresholds=PLAIN,
            width=4,
        ),
        stat_panel(
            "Overdue",
            "s",
            "How much older than its limit the oldest prediction is. The monitor deletes every ten minutes: more than "
            "an hour means that it does not run, after a day there is an alert.",
            instant_query(f"clamp_min(time() - {oldest} - max(imip_log_retention_seconds), 0)", "overdue"),
            thresholds=high_is_bad(orange=3600, red=86400),
            width=5,
            no_value="The log is empty.",
        ),
        stat_panel(
            "Deleted in the shown time",
            "short",
            "Rows deleted in the shown time because they were too old or too many.",
            instant_query("round(sum(increase(imip_log_pruned_rows_total[$__range])))", "deleted"),
            width=5,
        ),
        time_series_panel(
            "Predictions stored",
            "short",
            "Predictions in the log over time. It should climb with the traffic and then stay at its limit.",
            range_query("max(imip_log_stored_rows)", "stored"),
            width=12,
            height=6,
        ),
        time_series_panel(
            "Times the database was lost",
            "short",
            "Times in the last hour that a server lost the log's database. Each is an interruption that clients "
            "noticed, unless a journal took their predictions.",
            range_query(f"sum by (instance) (increase(imip_log_failures_total{{{SERVER}}}[1h]))", "{{instance}}"),
            thresholds=below(1),
            width=12,
            height=6,
        ),
    ]
