"""The dashboards ask for what exists, in PromQL, chosen by their variables."""

import re

import promql_parser
import yaml

from tests.support.dashboards import BOARDS, each_board, query_panels
from tests.support.server import REPOSITORY
from tools import dashboards
from tools.dashboards.drawing.query import fill

COUNTED_OVER = {"[$__range]", "[1h]"}  # a number in the shown time, or in an hour, as the panel says
OF_PROMETHEUS = {"up", "ALERTS", "ALERTS_FOR_STATE"}


def known_series() -> set[str]:
    """The names that the metrics module exports, and those that rules record."""
    names = set(OF_PROMETHEUS)
    source = (REPOSITORY / "monitoring" / "metrics.py").read_text(encoding="utf-8")
    for kind, name in re.findall(r'(Counter|Gauge|Histogram|newest)\(\s*"(imip_\w+)"', source):
        suffixes = {"Counter": ("_total",), "Histogram": ("_bucket", "_count", "_sum")}.get(kind, ("",))
        names |= {name + suffix for suffix in suffixes}
    for file in (REPOSITORY / "prometheus" / "rules").glob("*.yml"):
        groups = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        names |= {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    return names


@each_board
def test_every_expression_is_promql_of_known_variables(name: str) -> None:
    for expression in dashboards.expressions(BOARDS[name]):
        promql_parser.parse(
            fill(expression.expr)
        )  # raises KeyError for a variable there is not, ValueError for no PromQL


def test_each_variable_is_used() -> None:
    text = "".join(expression.expr for board in BOARDS.values() for expression in dashboards.expressions(board))
    assert all(f"${name}" in text for name in ("job", "instance", "module"))


@each_board
def test_every_series_asked_for_exists(name: str) -> None:
    known = known_series()
    for expression in dashboards.expressions(BOARDS[name]):
        without_labels = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", expression.expr)
        named = set(re.findall(r"\b(?:[a-z_]+:)?imip_[\w:]+|\bALERTS\w*|\bup\b", without_labels))
        assert named and named <= known, (expression.panel, named - known)


@each_board
def test_rates_follow_the_shown_time(name: str) -> None:
    for expression in dashboards.expressions(BOARDS[name]):
        for function, span in re.findall(r"\b(rate|irate|increase)\([^[]+(\[[^]]+\])", expression.expr):
            allowed = {"[$__rate_interval]"}
            if function == "increase":
                allowed |= COUNTED_OVER
            assert span in allowed, expression


@each_board
def test_series_are_chosen_by_the_variables(name: str) -> None:
    """API series by server, series of models by module; the monitor's by module alone, since it may run elsewhere."""
    for expression in dashboards.expressions(BOARDS[name]):
        if expression.panel.startswith("variable"):
            continue
        for series, labels in re.findall(r"\b(imip_\w+)\{([^}]*)\}", expression.expr):
            of_monitor = re.match(r"imip_(drift|labelled|estimated|model_\w+_bound)", series) is not None
            assert ("$instance" in labels) is ("$job" in labels) is not of_monitor, expression
            of_module = of_monitor or re.match(r"imip_(predictions|decisions|confidence|warnings|stage|model)", series)
            assert ("$module" in labels) is bool(of_module), expression


@each_board
def test_heatmaps_are_made_of_buckets(name: str) -> None:
    for panel in query_panels(name):
        if panel["type"] == "heatmap":
            [target] = panel["targets"]
            assert target["format"] == "heatmap" and "sum by (le)" in target["expr"]


@each_board
def test_changes_are_marked_where_a_version_appears(name: str) -> None:
    version, reference = BOARDS[name]["annotations"]["list"]
    assert "imip_model_info" in version["target"]["expr"]
    assert "imip_drift_reference_info" in reference["target"]["expr"]
    assert all("unless" in one["target"]["expr"] and "{{version}}" in one["textFormat"] for one in (version, reference))


def test_objectives_are_those_of_the_rules() -> None:
    rules = (REPOSITORY / "prometheus" / "rules" / "objectives.yml").read_text(encoding="utf-8")
    assert "> 0) / 0.005" in rules and "> 0) / 0.01" in rules
    asked = {expression.panel: expression.expr for expression in dashboards.expressions(BOARDS["overview"])}
    assert asked["Answered, 30 days"].endswith("* 0.005") and asked["In time, 30 days"].endswith("* 0.01")
