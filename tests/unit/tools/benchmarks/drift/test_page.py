"""The pages of the drift benchmark are written where their markers stand, and nowhere silently."""

import pytest

from tools.benchmarks.drift.page import PAGE, Rate, between

MARKS = ("measured", "hospital", "label mix")


def test_tables_replace_what_stood_between_the_markers() -> None:
    page = "before\n<!-- a -->\n\nold\n\n<!-- end of a -->\nafter <!-- b -->\n"
    written = between(page, "a", "| new \\1 |")
    assert written == "before\n<!-- a -->\n\n| new \\1 |\n\n<!-- end of a -->\nafter <!-- b -->\n"


def test_a_page_without_the_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="no markers <!-- a -->"):
        between("<!-- b -->\n<!-- end of b -->", "a", "table")


@pytest.mark.parametrize("mark", MARKS)
def test_the_shipped_page_has_a_place_for_each_table(mark: str) -> None:
    assert "| new |" in between(PAGE.read_text(encoding="utf-8"), mark, "| new |")


def test_a_rate_is_given_with_its_exact_interval() -> None:
    assert Rate({"mmd": 0, "any": 5}, 100, 300, 200).cell("any") == "5.0% (1.6% to 11.3%)"
