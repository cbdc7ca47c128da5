"""What colours mean on all dashboards, and from which values on."""

from collections.abc import Sequence

GREEN, ORANGE, RED, BLUE, YELLOW, PURPLE, GRAY = "green", "orange", "red", "blue", "yellow", "purple", "#8e8e99"

Steps = Sequence[tuple[float | None, str]]  # (from this value on, colour); the first holds for all lower values

PLAIN: Steps = ((None, BLUE),)
QUIET: Steps = ((None, GRAY),)


def low_is_bad(*, red: float, orange: float) -> Steps:
    """Red below one value, orange below another, then green."""
    return ((None, RED), (red, ORANGE), (orange, GREEN))


def high_is_bad(*, orange: float, red: float) -> Steps:
    """Green, orange from one value on, red from another."""
    return ((None, GREEN), (orange, ORANGE), (red, RED))


def at_least(least: float) -> Steps:
    """Red below a value, green from it on."""
    return ((None, RED), (least, GREEN))


def below(most: float) -> Steps:
    """Green below a value, red from it on."""
    return ((None, GREEN), (most, RED))
