"""The rules are sound, each alert fires when it should and not otherwise, and leads to a page that says what to do."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from imip.errors import ScanError
from serving.problems import slug
from tests.support import prometheus
from tests.support.prometheus import RULES, promtool
from tests.support.server import REPOSITORY

TESTS = sorted(prometheus.TESTS.glob("*.yml"))
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
ELSEWHERE = {"up", "alertmanager_notifications_failed_total", "prometheus_rule_evaluation_failures_total"}
Rule = dict[str, Any]


@cache
def rules() -> tuple[tuple[Path, Rule], ...]:
    groups = [(file, group) for file in RULES for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    return tuple((file, rule) for file, group in groups for rule in group["rules"])


def alerts() -> list[Rule]:
    return [rule for _, rule in rules() if "alert" in rule]


def metrics_in(expression: str) -> set[str]:
    """The metrics that an expression asks for: what is no function, keyword, text, matcher, range, label or number."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(by|on)\s*\([^)]*\)', "", expression)
    names = re.findall(r"(?<![\w:.])[a-zA-Z_][\w:]*\b(?!\s*\()", bare)
    return set(names) - {"and", "or", "unless", "offset"}


@cache
def verdicts() -> frozenset[tuple[str, bool]]:
    """Which alerts are expected to fire in some test, and which to be silent in some."""
    tests = [test for file in TESTS for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]]
    return frozenset(verdict for test in tests for verdict in _verdicts(test))


def _verdicts(test: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    for case in test.get("alert_rule_test", ()):
        yield case["alertname"], bool(case.get("exp_alerts"))
    for case in test.get("promql_expr_test", ()):
        named = re.findall(r'ALERTS\{[^}]*alertname="(\w+)"', case["expr"])
        firing = 'alertstate="firing"' in case["expr"]
        samples = case.get("exp_samples", [])
        for name in named:
            if firing or not samples:  # what is but pending has not fired
                yield name, bool(samples)
        for sample in samples if firing else ():
            yield from ((name, True) for name in re.findall(r'alertname="(\w+)"', sample["labels"]))


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_each_alert_fires_when_it_should_and_not_otherwise(file: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", file)


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_a_test_of_several_groups_says_their_order(file: Path) -> None:
    """Else promtool takes any, another each time, and who reads what another group recorded is a step late or not."""
    test = yaml.safe_load(file.read_text(encoding="utf-8"))
    texts = [(file.parent / name).read_text(encoding="utf-8") for name in test["rule_files"]]
    groups = [group["name"] for text in texts for group in yaml.safe_load(text)["groups"]]
    assert len(groups) == 1 or test.get("group_eval_order") == groups


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_has_a_test_in_which_it_fires_and_one_in_which_it_is_silent(alert: Rule) -> None:
    assert {(alert["alert"], True), (alert["alert"], False)} <= verdicts()


def test_every_file_of_rules_has_its_tests() -> None:
    assert {file.stem for file in RULES} == {file.stem.removesuffix("-days") for file in TESTS}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_how_urgent_it_is_and_what_to_do(alert: Rule) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    notes = alert["annotations"]
    assert notes["summary"] and notes["description"]
    page, _, anchor = notes["runbook_url"].partition("#")
    sections = re.split(r"^## (.+)$", (REPOSITORY / page).read_text(encoding="utf-8"), flags=re.M)
    said = {
        heading.lower().replace(" ", "-"): text for heading, text in zip(sections[1::2], sections[2::2], strict=True)
    }
    assert f"`{alert['alert']}`" in said[anchor]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_speaks_only_of_labels_that_it_has(alert: Rule) -> None:
    named = re.findall(r"\$labels\.(\w+)", str(alert["annotations"]))
    grouped = re.findall(r"(?:by|on) \(([^)]*)\)", alert["expr"])
    recorded = re.findall(r"\b([a-z_]+):imip_", alert["expr"])  # job:..., module_actual:...
    had = {label.strip() for labels in grouped for label in labels.split(",")} | set("_".join(recorded).split("_"))
    assert set(named) <= had | ({"job", "instance"} if "up{" in alert["expr"] else set())


def test_alert_pages_belong_to_files_of_rules() -> None:
    for file, rule in rules():
        if "alert" in rule:
            assert rule["annotations"]["runbook_url"].startswith(f"docs/runbooks/{file.stem}.md#")


def test_the_index_of_runbooks_lists_every_alert_with_its_severity_and_nothing_else() -> None:
    listed = re.findall(
        r"^\| \[(\w+)\]\((\S+)\) \| (\w+) \|$", (RUNBOOKS / "README.md").read_text(encoding="utf-8"), re.M
    )
    assert listed == [
        (
            alert["alert"],
            alert["annotations"]["runbook_url"].removeprefix("docs/runbooks/"),
            alert["labels"]["severity"],
        )
        for alert in alerts()
    ]


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_leads_nowhere_that_is_not_there(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]*)#?([\w-]*)\)", page.read_text(encoding="utf-8")):
        led = (page.parent / target) if target else page
        assert led.is_file(), led
        headings = re.findall(r"^## (.+)$", led.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}, (target, anchor)


def exported() -> set[str]:
    """The names of the series that IMIP exports and that the rules record."""
    source = (REPOSITORY / "monitoring" / "metrics.py").read_text(encoding="utf-8")
    kinds = re.findall(r'(\w+)\(\s*"(imip_\w+)"', source)
    suffixes = {"Counter": ("_total",), "Histogram": ("_bucket", "_count", "_sum")}
    return {name + suffix for kind, name in kinds for suffix in suffixes.get(kind, ("",))} | {
        rule["record"] for _, rule in rules() if "record" in rule
    }


def test_rules_ask_for_series_that_exist() -> None:
    known = exported() | ELSEWHERE
    for _, rule in rules():
        unknown = metrics_in(str(rule["expr"])) - known
        assert not unknown, (rule.get("alert") or rule["record"], unknown)


def test_runbooks_name_series_that_exist() -> None:
    known = exported() | ELSEWHERE
    for page in RUNBOOKS.glob("*.md"):
        for name in re.findall(r"\b(?:[a-z_]+:)?imip_[\w:]+", page.read_text(encoding="utf-8")):
            assert name in known or any(one.startswith(name) for one in known), (page.name, name)


def test_rejected_uploads_are_counted_by_every_reason_that_lies_in_the_file() -> None:
    record = next(rule for _, rule in rules() if rule.get("record") == "job:imip_rejected_uploads:rate30m")
    reasons = re.findall(r'reason=~"([^"]+)"', record["expr"])
    assert {reason for some in reasons for reason in some.split("|")} == {
        slug(error) for error in ScanError.__subclasses__()
    }
