"""Colours and thresholds of all dashboards."""

from collections.abc import Sequence

GREEN, ORANGE, RED, BLUE, YELLOW, PURPLE, GRAY = "green", "orange", "red", "blue", "yellow", "purple", "#8e8e99"

Thresholds = Sequence[tuple[float | None, str]]  # (lowest value, colour); the first has no lowest value

PLAIN: Thresholds = ((None, BLUE),)


def low_is_bad(*, red: float, orange: float) -> Thresholds:
    """Return thresholds: red, orange from `red` on, green from `orange` on."""
    return ((None, RED), (red, ORANGE), (orange, GREEN))


def high_is_bad(*, orange: float, red: float) -> Thresholds:
    """Return thresholds: green, orange from `orange` on, red from `red` on."""
    return ((None, GREEN), (orange, ORANGE), (red, RED))


def at_least(limit: float) -> Thresholds:
    """Return thresholds: red below the limit, green from it on."""
    return ((None, RED), (limit, GREEN))


def below(limit: float) -> Thresholds:
    """Return thresholds: green below the limit, red from it on."""
    return ((None, GREEN), (limit, RED))
