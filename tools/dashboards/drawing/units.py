"""Format values with units like Grafana."""

import math
import time

PREFIXES = ((1e12, " Tril"), (1e9, " Bil"), (1e6, " Mil"), (1e3, " K"))
BYTES = ((2.0**40, " TiB"), (2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"), (1, " B"))
YEAR, WEEK, DAY, HOUR, MINUTE = 31_557_600, 604_800, 86_400, 3_600, 60
SPANS = (
    (YEAR, " years"), (2 * WEEK, " weeks"), (DAY, " days"), (HOUR, " h"), (MINUTE, " min"), (1, " s"), (1e-3, " ms"),
    (1e-6, " µs"),
)  # fmt: skip
SIZES = {" weeks": WEEK}  # where the unit is not the lowest value in SPANS


def format_value(value: float, unit: str, decimals: int | None = None) -> str:
    """Format a value with its unit, by default with three significant digits."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if unit == "percentunit":
        return f"{_digits(100 * value, decimals)}%"
    if unit == "dateTimeFromNow":
        return f"{format_value(max(0.0, time.time() - value / 1000), 's')} ago"
    if value == 0 and unit == "s":
        return "0 s"
    if unit in ("s", "bytes", "short"):
        return _scaled(value, {"s": SPANS, "bytes": BYTES, "short": PREFIXES}[unit], decimals)
    return _digits(value, decimals) + {"reqps": " req/s"}.get(unit, "")


def _scaled(value: float, scale: tuple[tuple[float, str], ...], decimals: int | None) -> str:
    for least, name in scale:
        if abs(value) >= least:
            return _digits(value / SIZES.get(name, least), decimals) + name
    return _digits(value, decimals)


def _digits(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 6)}f}" if digits <= 6 else f"{value:.2g}"
    return text.rstrip("0").rstrip(".") if "." in text else text
