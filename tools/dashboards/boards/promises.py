"""The overview's first row: what IMIP is not for, the objectives of 30 days, and what fires or is down now."""

from tools.dashboards.colours import at_least, below, low_is_bad
from tools.dashboards.layout import Row
from tools.dashboards.matchers import OF_JOB
from tools.dashboards.panels import big_number, note
from tools.dashboards.targets import now, over_time

AVAILABILITY = 0.995  # objectives; the rules that measure them stand in prometheus/rules/objectives.yml
LATENCY = 0.99
BUDGET = low_is_bad(red=0, orange=0.25)


def promises() -> Row:
    return "Promises", [
        note(
            "For research and teaching only",
            "What IMIP must not be used for.",
            "**IMIP is not a medical device and makes no diagnosis.** Its answers can be wrong, no physician reviewed "
            "them, and they must not guide the care of any patient.",
        ),
        big_number(
            "Answered, 30 days",
            "percentunit",
            "Share of analyses answered without a server error in the last 30 days. The objective is 99.5%; refusals "
            "of a full server count as failures. Below it, see which status the failures have.",
            over_time(
                f"1 - (1 - job:imip_availability_budget:ratio30d{{{OF_JOB}}}) * {1 - AVAILABILITY:.3g}", "{{job}}"
            ),
            steps=at_least(AVAILABILITY),
            decimals=2,
        ),
        big_number(
            "Availability budget left",
            "percentunit",
            "Share of the failures that 30 days may hold which has not happened yet. Below zero the objective is "
            "missed; when it shrinks fast, alerts say so before.",
            over_time(f"job:imip_availability_budget:ratio30d{{{OF_JOB}}}", "{{job}}"),
            steps=BUDGET,
        ),
        big_number(
            "In time, 30 days",
            "percentunit",
            "Share of analyses answered within 0.25 s (/predict) or 1 s (/heatmap) in the last 30 days. The objective "
            "is 99%. Below it, the page Serving tells which stage or queue is slow.",
            over_time(f"1 - (1 - job:imip_latency_budget:ratio30d{{{OF_JOB}}}) * {1 - LATENCY:.3g}", "{{job}}"),
            steps=at_least(LATENCY),
            decimals=2,
        ),
        big_number(
            "Latency budget left",
            "percentunit",
            "Share of the slow answers that 30 days may hold which has not happened yet. Below zero the objective is "
            "missed.",
            over_time(f"job:imip_latency_budget:ratio30d{{{OF_JOB}}}", "{{job}}"),
            steps=BUDGET,
        ),
        big_number(
            "Alerts firing",
            "short",
            "Alerts of IMIP that fire now. The table below names them; each has a page in docs/runbooks.",
            now('count(ALERTS{alertname=~"Imip.+", alertstate="firing"}) or vector(0)', "firing"),
            steps=below(1),
        ),
        big_number(
            "Servers up",
            "percentunit",
            "Share of the servers known to Prometheus that answer it. Below 100% some are down or unreachable; without "
            "a value Prometheus knows none at all.",
            now('avg by (job) (up{job=~"imip.*", job=~"$job", instance=~"$instance"})', "{{job}}"),
            steps=low_is_bad(red=0.5, orange=1),
        ),
    ]
