"""Compress alert rules in time: divide every duration by a factor, so that a window of an hour takes minutes.

A rule that is compressed by 10 gives, with ten times the traffic, the same result in a tenth of the time. Counts of
events and ratios do not change. Only times change: ranges, offsets, `for`, `keep_firing_for`, and numbers of seconds in
comparisons and products.
"""

import re
from typing import Any

from promql_parser import parse_duration

# Strings are not changed. A range may belong to a subquery.
PARTS = re.compile(
    r"""(?P<string>"[^"]*")
    | \[(?P<range>[0-9a-z]+)(?::(?P<step>[0-9a-z]*))?\]
    | \boffset\s+(?P<offset>[0-9a-z]+)
    | (?<![\w.:])(?P<number>\d+)(?![\w.])""",
    re.VERBOSE,
)
SECONDS_FROM = 300  # integers from here on are seconds, because no rule compares with such a large count


def compressed(file: dict[str, Any], speed: float, evaluation_speed: float) -> dict[str, Any]:
    """Return a rule file with durations divided by `speed` and intervals divided by `evaluation_speed`."""
    return {"groups": [_group(group, speed, evaluation_speed) for group in file["groups"]]}


def compressed_expression(expr: str, speed: float) -> str:
    """Return an expression with durations divided by `speed`."""
    return PARTS.sub(lambda match: _part(match, speed), expr) if speed != 1 else expr


def seconds_of(duration: str) -> float:
    """Return a duration of Prometheus, such as 1h30m, in seconds."""
    return parse_duration(duration).total_seconds()


def _group(group: dict[str, Any], speed: float, evaluation_speed: float) -> dict[str, Any]:
    compressed_group = {**group, "rules": [_rule(rule, speed) for rule in group["rules"]]}
    if "interval" in group:
        compressed_group["interval"] = _divided(group["interval"], evaluation_speed)
    return compressed_group


def _rule(rule: dict[str, Any], speed: float) -> dict[str, Any]:
    times: dict[str, str] = {name: _divided(rule[name], speed) for name in ("for", "keep_firing_for") if name in rule}
    return {**rule, **times, "expr": compressed_expression(str(rule["expr"]), speed)}


def _part(match: re.Match[str], speed: float) -> str:
    if match["range"]:
        step = "" if match["step"] is None else f":{match['step'] and _divided(match['step'], speed)}"
        return f"[{_divided(match['range'], speed)}{step}]"
    if match["offset"]:
        return f"offset {_divided(match['offset'], speed)}"
    if match["number"] and int(match["number"]) >= SECONDS_FROM:
        return f"{int(match['number']) / speed:g}"
    return match[0]


def _divided(duration: str, divisor: float) -> str:
    return f"{max(1, round(1000 * seconds_of(duration) / divisor))}ms"
