"""What performance tests look for in an interval."""

from monitoring.performance.types import Interval


def holds(interval: Interval | None, value: float) -> bool:
    return interval is not None and interval.low <= value <= interval.high
