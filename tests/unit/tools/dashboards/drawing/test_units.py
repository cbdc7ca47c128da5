"""Values are written with their units."""

import pytest

from tools.dashboards.drawing.units import format_value


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.9937, "percentunit", "99.4%"),
        (0.0123, "s", "12.3 ms"),
        (31_536_000, "s", "52.1 weeks"),
        (3 * 2**30, "bytes", "3 GiB"),
        (12_345, "short", "12.3 K"),
        (2.5, "reqps", "2.5 req/s"),
        (0, "s", "0 s"),
        (float("nan"), "short", "-"),
    ],
)
def test_a_value_is_written_with_its_unit(value: float, unit: str, text: str) -> None:
    assert format_value(value, unit) == text
