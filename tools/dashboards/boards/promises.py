"""The first row of the overview: disclaimer, objectives over 30 days, active alerts and servers."""

from tools.dashboards.colours import at_least, below, low_is_bad
from tools.dashboards.label_matchers import JOB
from tools.dashboards.layout import Row
from tools.dashboards.panels import stat_panel, text_panel
from tools.dashboards.queries import instant_query, range_query

AVAILABILITY = 0.995  # objectives, measured by prometheus/rules/objectives.yml
LATENCY = 0.99
BUDGET = low_is_bad(red=0, orange=0.25)


def promises() -> Row:
    return "Promises", [
        text_panel(
            "For research and teaching only",
            "What IMIP must not be used for.",
            "**IMIP is not a medical device and makes no diagnosis.** Its answers can be wrong, no physician reviewed "
            "them, and they must not guide the care of any patient.",
        ),
        stat_panel(
            "Answered, 30 days",
            "percentunit",
            "Share of analyses answered without a server error in the last 30 days. The objective is 99.5%; refusals "
            "of a full server count as failures. Below it, see which status the failures have.",
            range_query(
                f"1 - (1 - job:imip_availability_budget:ratio30d{{{JOB}}}) * {1 - AVAILABILITY:.3g}", "{{job}}"
            ),
            thresholds=at_least(AVAILABILITY),
            decimals=2,
        ),
        stat_panel(
            "Availability budget left",
            "percentunit",
            "Share of the failures that 30 days may hold which has not happened yet. Below zero the objective is "
            "missed; when it shrinks fast, alerts say so before.",
            range_query(f"job:imip_availability_budget:ratio30d{{{JOB}}}", "{{job}}"),
            thresholds=BUDGET,
        ),
        stat_panel(
            "In time, 30 days",
            "percentunit",
            "Share of analyses answered within 0.25 s (/predict) or 1 s (/heatmap) in the last 30 days. The objective "
            "is 99%. Below it, the page Serving tells which stage or queue is slow.",
            range_query(f"1 - (1 - job:imip_latency_budget:ratio30d{{{JOB}}}) * {1 - LATENCY:.3g}", "{{job}}"),
            thresholds=at_least(LATENCY),
            decimals=2,
        ),
        stat_panel(
            "Latency budget left",
            "percentunit",
            "Share of the slow answers that 30 days may hold which has not happened yet. Below zero the objective is "
            "missed.",
            range_query(f"job:imip_latency_budget:ratio30d{{{JOB}}}", "{{job}}"),
            thresholds=BUDGET,
        ),
        stat_panel(
            "Alerts firing",
            "short",
            "Alerts of IMIP that fire now. The table below names them; each has a page in docs/runbooks.",
            instant_query('count(ALERTS{alertname=~"Imip.+", alertstate="firing"}) or vector(0)', "firing"),
            thresholds=below(1),
        ),
        stat_panel(
            "Servers up",
            "percentunit",
            "Share of the servers known to Prometheus that answer it. Below 100% some are down or unreachable; without "
            "a value Prometheus knows none at all.",
            instant_query('avg by (job) (up{job=~"imip.*", job=~"$job", instance=~"$instance"})', "{{job}}"),
            thresholds=low_is_bad(red=0.5, orange=1),
        ),
    ]
