"""Compressed rules are the rules, with every time in them divided and nothing else changed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.prometheus import RULES
from tools.benchmarks.drill.compression import PARTS, SECONDS_FROM, compressed, compressed_expression


def read(file: Path) -> dict[str, Any]:
    rules: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return rules


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("increase(x[15m]) > 50", "increase(x[90000ms]) > 50"),
        (
            "avg_over_time(x:rate5m[1h30m] offset 1d) < 0.05",
            "avg_over_time(x:rate5m[540000ms] offset 8640000ms) < 0.05",
        ),
        ("max_over_time(x[1h:5m]) or y[1h:]", "max_over_time(x[360000ms:30000ms]) or y[360000ms:]"),
        ("time() - x < 900", "time() - x < 90"),
        ("job:x:rate1h * 3600 >= 10", "job:x:rate1h * 360 >= 10"),
        ("predict_linear(x[30m], 7200)", "predict_linear(x[180000ms], 720)"),
        ('rate(x{status="503", le="0.25"}[5m])', 'rate(x{status="503", le="0.25"}[30000ms])'),
        ("x > 14.4 * 0.005 + 3.841458820694124", "x > 14.4 * 0.005 + 3.841458820694124"),
    ],
)
def test_times_are_divided_and_nothing_else(expr: str, expected: str) -> None:
    assert compressed_expression(expr, 10) == expected


def test_a_rule_waits_a_tenth_as_long_and_keeps_what_it_says() -> None:
    rule = {"alert": "A", "expr": "x > 1", "for": "5m", "keep_firing_for": "1h", "labels": {"severity": "page"}}
    (group,) = compressed({"groups": [{"name": "g", "interval": "1m", "rules": [rule]}]}, 10, 5)["groups"]
    assert group["interval"] == "12000ms"
    assert group["rules"] == [{**rule, "for": "30000ms", "keep_firing_for": "360000ms"}]


def test_numbers_taken_for_seconds_are_seconds() -> None:
    """Whoever writes another number of this size into a rule is asked here whether it is a time."""
    numbers = {
        int(found["number"])
        for file in RULES
        for group in read(file)["groups"]
        for rule in group["rules"]
        for found in PARTS.finditer(str(rule["expr"]))
        if found["number"] and int(found["number"]) >= SECONDS_FROM
    }
    assert numbers == {900, 1800, 3600, 7200, 21600, 86400, 259200}
