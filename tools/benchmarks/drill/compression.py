"""Alert rules in less time: every duration divided by a factor, so that a window of an hour passes in minutes.

A rule that is compressed by 10 says of ten times the traffic in a tenth of the time what the rule itself says of the
traffic. What counts events stays, and so do shares; only times change: ranges, offsets, `for`, `keep_firing_for`, and
numbers of seconds that an expression compares or multiplies with.
"""

import re
from typing import Any

from promql_parser import parse_duration

# A string, where nothing is changed; a range, which may be a subquery's; an offset; a number that stands alone.
PARTS = re.compile(
    r"""(?P<string>"[^"]*")
    | \[(?P<range>[0-9a-z]+)(?::(?P<step>[0-9a-z]*))?\]
    | \boffset\s+(?P<offset>[0-9a-z]+)
    | (?<![\w.:])(?P<number>\d+)(?![\w.])""",
    re.VERBOSE,
)
SECONDS_FROM = 300  # whole numbers from here on are seconds: no rule counts so many of anything


def compressed(file: dict[str, Any], speed: float, tempo: float) -> dict[str, Any]:
    """Return a rule file with its durations divided by `speed`, its groups evaluated `tempo` times as often."""
    return {"groups": [_group(group, speed, tempo) for group in file["groups"]]}


def compressed_expression(expr: str, speed: float) -> str:
    """Return an expression whose durations are divided by `speed`."""
    return PARTS.sub(lambda found: _part(found, speed), expr) if speed != 1 else expr


def seconds_of(duration: str) -> float:
    """Return the seconds of a duration as Prometheus writes it, such as 1h30m."""
    return parse_duration(duration).total_seconds()


def _group(group: dict[str, Any], speed: float, tempo: float) -> dict[str, Any]:
    made = {**group, "rules": [_rule(rule, speed) for rule in group["rules"]]}
    if "interval" in group:
        made["interval"] = _divided(group["interval"], tempo)
    return made


def _rule(rule: dict[str, Any], speed: float) -> dict[str, Any]:
    times: dict[str, str] = {name: _divided(rule[name], speed) for name in ("for", "keep_firing_for") if name in rule}
    return {**rule, **times, "expr": compressed_expression(str(rule["expr"]), speed)}


def _part(found: re.Match[str], speed: float) -> str:
    if found["range"]:
        step = "" if found["step"] is None else f":{found['step'] and _divided(found['step'], speed)}"
        return f"[{_divided(found['range'], speed)}{step}]"
    if found["offset"]:
        return f"offset {_divided(found['offset'], speed)}"
    if found["number"] and int(found["number"]) >= SECONDS_FROM:
        return f"{int(found['number']) / speed:g}"
    return found[0]


def _divided(duration: str, by: float) -> str:
    return f"{max(1, round(1000 * seconds_of(duration) / by))}ms"
