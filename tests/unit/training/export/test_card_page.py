from pathlib import Path
from typing import Any

import pytest

from imip.inference.card import Card
from training.export.card_page import render

REPOSITORY = Path(__file__).parents[4]
PART = {
    "n": 20,
    "groups": 9,
    "healthy_label": "No Tumor",
    "confusion": {"Tumor": {"Tumor": 7, "Ambiguous": 3}, "No Tumor": {"Tumor": 1, "Ambiguous": 9}},
    "confusion_forced": {"Tumor": {"Tumor": 9, "No Tumor": 1}, "No Tumor": {"Tumor": 2, "No Tumor": 8}},
    "metrics": {
        "false_negative_rate": {"value": 0.1, "low": 0.05, "high": 0.2},
        "macro_f1": {"value": 0.85, "low": None, "high": None},
    },
    "per_class": {
        "glioma": {"n": 10, "groups": 4, "sensitivity": {"value": 0.9, "low": 0.7, "high": 1.0}},
        "notumor": {"n": 10, "groups": 5, "specificity": {"value": 0.8, "low": 0.6, "high": 0.9}},
    },
}


def card(metrics: dict[str, Any], **changes: Any) -> Card:
    shipped = Card.read(REPOSITORY / "models" / "brain-tumor" / "card.yaml")
    return shipped.model_copy(update={"metrics": metrics, "headline": "macro_f1", **changes})


def test_a_card_without_figures_says_so() -> None:
    page = render(card({}))
    assert "Not evaluated yet." in page
    assert "Summed up by macro f1, not measured yet." in page


def test_the_page_tells_question_answers_and_what_they_are_decided_by() -> None:
    page = render(card({}, abstention="Ambiguous", question="Which tumor is it?"))
    assert "Which tumor is it? Answers: Tumor, No Tumor, or Ambiguous where it will not choose." in page
    assert "threshold 0.475, uncertain from 0.2222, uncertain to 0.8473." in page
    assert "slope 1.381, intercept -0.3219." in page
    assert "Input: MR, one picture of 128x128 pixels." in page
    assert "Heatmap: Grad-CAM." in page


def test_figures_stand_in_tables_with_their_intervals() -> None:
    page = render(card({"command": "imip evaluate x", "test": PART}))
    assert "Summed up by macro f1: 0.8500 on the clean test part." in page
    assert "| Measure | Clean test part (n = 20, 9 groups) |\n|---|---:|\n" in page
    assert "| false negative rate | 0.1000 (0.0500 to 0.2000) |" in page
    assert "any other label that were answered No Tumor." in page
    assert "| Actual | Tumor | Ambiguous |\n|---|---:|---:|\n| Tumor | 7 | 3 |" in page
    assert "| Actual | Tumor | No Tumor |\n|---|---:|---:|\n| Tumor | 9 | 1 |" in page
    assert "| Class | Scans | Groups | sensitivity | specificity |" in page
    assert "| notumor | 10 | 5 | - | 0.8000 (0.6000 to 0.9000) |" in page
    assert "Printed and written here by `imip evaluate x`." in page


def test_parts_are_compared_and_what_one_lacks_is_a_dash() -> None:
    other = PART | {"n": 8, "metrics": {"macro_f1": {"value": 0.7, "low": 0.6, "high": 0.8}}}
    parts = {"test": "Clean test part", "original": "Original folder"}
    page = render(card({"command": "x", "test": PART, "original": other, "parts": parts, "notes": ["It leaks.\n"]}))
    assert "| Measure | Clean test part (n = 20, 9 groups) | Original folder (n = 8, 9 groups) |" in page
    assert "| false negative rate | 0.1000 (0.0500 to 0.2000) | - |" in page
    assert "| macro f1 | 0.8500 | 0.7000 (0.6000 to 0.8000) |" in page
    assert "It leaks." in page


def test_further_tables_of_a_module_are_shown_as_the_card_tells_them() -> None:
    rows = [["seed 1", 0.123456, 40], ["published", None, {"value": 0.5, "low": 0.4, "high": 0.6}]]
    tables = {"seeds": {"title": "By seed:", "columns": ["Run", "Threshold", "n"], "rows": rows}}
    page = render(card({"command": "x", "test": PART, "tables": tables, "out_of_distribution": {"noise": 0.9876}}))
    assert "By seed:\n\n| Run | Threshold | n |\n|---|---:|---:|\n| seed 1 | 0.1235 | 40 |\n" in page
    assert "| published | - | 0.5000 (0.4000 to 0.6000) |" in page
    assert "| noise | 98.8% |" in page


def test_pictures_are_those_that_there_are() -> None:
    assert "![ROC curve](x/roc.png) ![scalp mirrored](x/scalp_mirrored.png)" in render(
        card({}), ["x/roc.png", "x/scalp_mirrored.png"]
    )
    assert "![" not in render(card({}))


@pytest.mark.parametrize("name", sorted(path.parent.name for path in REPOSITORY.glob("models/*/card.yaml")))
def test_the_published_page_is_the_card_as_it_stands(name: str) -> None:
    pages = REPOSITORY / "docs" / "models"
    shipped = Card.read(REPOSITORY / "models" / name / "card.yaml")
    pictures = sorted(path.relative_to(pages).as_posix() for path in (pages / name).glob("*.png"))
    assert (pages / f"{name}.md").read_text(encoding="utf-8") == render(shipped, pictures)
