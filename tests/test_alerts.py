"""The alert rules are sound, fire when they should, and lead to a page that says what to do."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from server import REPOSITORY

RULES = sorted((REPOSITORY / "prometheus" / "rules").glob("*.yml"))
TESTS = sorted((REPOSITORY / "prometheus" / "tests").glob("*.yml"))


def alerts() -> list[dict[str, dict[str, str]]]:
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def promtool(*arguments: str | Path) -> str:
    program = shutil.which("promtool")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("Prometheus is not installed")
        pytest.skip("Prometheus is not installed")
    ran = subprocess.run([program, *arguments], capture_output=True, text=True, cwd=REPOSITORY / "prometheus" / "tests")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_prometheus_takes_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", *RULES)


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_each_alert_fires_when_it_should_and_not_otherwise(file: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", file)


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_is_tested_and_says_what_to_do(alert: dict[str, dict[str, str]]) -> None:
    assert any(str(alert["alert"]) in file.read_text(encoding="utf-8") for file in TESTS)
    assert alert["labels"]["severity"] in {"page", "ticket"}
    notes = alert["annotations"]
    assert notes["summary"] and notes["description"]
    page, _, anchor = notes["runbook_url"].partition("#")
    headings = re.findall(r"^## (.+)$", (REPOSITORY / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_an_alert_asks_for_metrics_that_exist() -> None:
    known = re.findall(r'"(imip_\w+)"', (REPOSITORY / "monitoring" / "metrics.py").read_text(encoding="utf-8"))
    for alert in alerts():
        for name in re.findall(r"imip_\w+", str(alert["expr"])):
            assert name in known or name.removesuffix("_total") in known, name
