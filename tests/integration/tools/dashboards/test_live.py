"""Every panel and every rule, asked of a real Prometheus that watches a real service under real traffic.

A question must be answered without error or warning, and with something: an empty panel of a busy server is a lie.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import promql_parser
import pytest
import yaml
from typer.testing import CliRunner

from cli.app import app
from tests.support.observed import BAD_FILES, MODULE, Observed, observed
from tests.support.server import REPOSITORY
from tools.benchmarks.drill.prometheus import PrometheusServer, QueryError, Series
from tools.dashboards import all_boards, expressions
from tools.dashboards.drawing.query import fill

RULES = [
    rule
    for file in sorted((REPOSITORY / "prometheus" / "rules").glob("*.yml"))
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
STEP = 1.0  # seconds, between scrapes and between points of a graph
CHOSEN: dict[str, Callable[[Observed], dict[str, str]]] = {
    "everything": lambda seen: {},
    "one module": lambda seen: {"module": MODULE},
    "one server": lambda seen: {"job": "imip", "instance": f"127.0.0.1:{seen.api.port}"},
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    with observed(tmp_path_factory.mktemp("observed")) as service:
        yield service


@pytest.mark.parametrize("chosen", CHOSEN.values(), ids=CHOSEN)
@pytest.mark.parametrize("name", all_boards())
def test_every_question_of_a_dashboard_is_answered(
    seen: Observed, name: str, chosen: Callable[[Observed], dict[str, str]]
) -> None:
    end = time.time()
    variables = chosen(seen)
    shown = {"rate_interval": "15s", "interval": "1s", "range": f"{math.ceil(end - seen.began)}s"}
    faults = []
    for title, ref, expr, instant in expressions(all_boards()[name]):
        asked = fill(expr, **shown, **variables)

        def answer(asked: str = asked, instant: bool = instant) -> list[Series]:
            if instant:
                return seen.observer.query(asked, end)
            return seen.observer.query_range(asked, seen.began, end, STEP)

        if fault := fault_of(answer):
            faults.append(f"{title} ({ref}): {fault}\n    {asked}")
    assert not faults, "\n".join(faults)


def test_every_rule_is_healthy(seen: Observed) -> None:
    found = seen.observer.rules()
    assert sorted(rule["name"] for rule in found) == sorted(rule.get("alert") or rule["record"] for rule in RULES)
    ill = [(rule["name"], rule.get("lastError")) for rule in found if rule["health"] != "ok" or rule.get("lastError")]
    assert not ill


def test_every_recording_rule_records_something(seen: Observed) -> None:
    faults = []
    for rule in RULES:
        if "record" in rule:
            for asked in (rule["expr"], rule["record"]):
                if fault := fault_of(lambda asked=asked: seen.observer.query(asked)):
                    faults.append(f"{rule['record']}: {fault}\n    {asked}")
    assert not faults, "\n".join(faults)


def test_every_alert_looks_at_series_that_exist(seen: Observed) -> None:
    """An alert is silent when nothing is wrong, and would be when it looks at nothing."""
    faults = []
    for rule in RULES:
        if "alert" in rule:
            seen.observer.query(rule["expr"])
            for selector in selectors(rule["expr"]):
                if fault := fault_of(lambda selector=selector: seen.observer.query(selector)):
                    faults.append(f"{rule['alert']}: {fault}\n    {selector}")
    assert not faults, "\n".join(faults)


def test_an_operator_sees_what_was_sent(seen: Observed) -> None:
    observer = seen.observer
    assert by(observer, "imip_predictions_total", "label") == seen.labels
    assert by(observer, "imip_upload_size_bytes_count", "format") == seen.formats
    refused = by(observer, "imip_rejections_total", "reason")
    assert {reason: count for reason, count in refused.items() if count} == seen.rejected
    assert {*BAD_FILES, "overloaded"} < seen.rejected.keys()
    declared = {
        (series.labels["identity_removed"], series.labels["burned_in"]): series.last
        for series in observer.query("sum by (identity_removed, burned_in) (imip_dicom_scans_total) > 0")
    }
    assert declared == seen.declared
    assert seen.value('sum(imip_log_rows_total{outcome="written"})') == seen.labels.total()
    assert seen.value("sum(imip_workers_ready)") == 1
    assert seen.value("sum(imip_drift_computing)") == 1


def test_an_operator_sees_the_drift_and_that_there_was_none_before(seen: Observed) -> None:
    reference = seen.api.http.get("/drift").json()["modules"]["brain-tumor"]["reference"]
    since = f'imip_drift_detected{{detector="ks"}} and on () imip_drift_reference_info{{version="{reference}"}} == 1'
    (verdicts,) = seen.observer.query_range(since, seen.began, time.time(), STEP)
    told = [value for _, value in verdicts.values]
    assert told[0] == 0 and told[-1] == 1
    shifted = {series.labels["feature"] for series in seen.observer.query("imip_drift_feature_detected == 1")}
    assert {"sharpness", "detail_ratio"} & shifted
    assert seen.value("imip_drift_window_fill_ratio") > 0.7


def test_an_operator_sees_what_reviewers_said(seen: Observed) -> None:
    found = {
        (series.labels["actual"], series.labels["predicted"]): series.last
        for series in seen.observer.query("module_actual_predicted:imip_labelled_findings:sum > 0")
    }
    assert found == seen.reviewed
    actual = [count for (actual, _), count in seen.reviewed.items() if actual == "Tumor"]
    missed = seen.reviewed["Tumor", "No Tumor"] / sum(actual)
    rate = 'module_actual:imip_false_negative_rate:{}{{actual="Tumor"}}'
    assert seen.value(rate.format("ratio")) == pytest.approx(missed)
    assert seen.value(rate.format("low")) < missed < seen.value(rate.format("high"))


def test_the_pictures_show_something(seen: Observed, tmp_path: Path) -> None:
    options = {"--prometheus": seen.observer.url, "--out": str(tmp_path), "--minutes": "3"}
    ran = CliRunner().invoke(app, ["dashboards", "render", *itertools.chain.from_iterable(options.items())])
    assert ran.exit_code == 0, ran.output
    assert {path.stem for path in tmp_path.glob("*.png")} == set(all_boards())
    for path in tmp_path.glob("*.png"):
        picture = cv2.imread(str(path))
        assert picture is not None and min(picture.shape[:2]) >= 600, path
        assert picture.std() > 10, path  # a blank page has one colour


def fault_of(ask: Callable[[], list[Series]]) -> str | None:
    """Say what is wrong with an answer, if anything is."""
    try:
        found = ask()
    except QueryError as error:
        return f"refused: {error}"
    if not found:
        return "no answer"
    if all(math.isnan(value) for series in found for _, value in series.values):
        return "no number among the answers"
    return None


def selectors(expr: str) -> set[str]:
    """Return the series that an expression looks at, each as an expression of its own, without its range and offset."""
    found: set[str] = set()

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql_parser.VectorSelector):
            found.add(f"{node.name or ''}{node.matchers}")

    promql_parser.walk(promql_parser.parse(expr), visit)
    return found


def by(observer: PrometheusServer, metric: str, label: str) -> dict[str, float]:
    """Return a metric's sums by a label."""
    return {series.labels[label]: series.last for series in observer.query(f"sum by ({label}) ({metric})")}
