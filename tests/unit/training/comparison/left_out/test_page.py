"""The page of the ablation says how it was made, and gives each way of training a row."""

from typing import Any

from training.comparison.left_out.page import render

FIGURE = {"value": 0.9, "low": 0.8, "high": 0.95}


def rendered(*rows: list[Any]) -> list[str]:
    return render(rows, "lgg-ht").splitlines()


def test_each_way_of_training_has_a_row_of_figures_with_intervals() -> None:
    lines = rendered(["as shipped", *[FIGURE] * 6], ["a rival", *[FIGURE] * 3, *[None] * 3])
    cell = "0.9000 (0.8000 to 0.9500)"
    assert f"| as shipped |{f' {cell} |' * 6}" in lines
    assert f"| a rival |{f' {cell} |' * 3} - | - | - |" in lines


def test_it_names_the_source_and_the_command() -> None:
    page = "\n".join(rendered())
    assert "--source lgg-ht --write" in page
    assert "never for diagnosis" in page
