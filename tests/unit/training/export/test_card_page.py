from pathlib import Path
from typing import Any

import pytest

from imip.inference.card import Calibration, Card, DecisionRule, InputSpec
from tests.support.shipped import SHIPPED
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
    words = {"abstention": "Ambiguous", "question": "Which tumor is it?", "heatmap": "evidence"}
    decision = DecisionRule(thresholds={"threshold": 0.475, "uncertain_from": 0.2222}, rule="As chosen.")
    calibration = Calibration(method="Platt scaling", parameters={"slope": 1.38124, "intercept": -0.3219})
    page = render(
        card({}, **words, decision=decision, calibration=calibration, input=InputSpec(side=96, modalities=("MR",)))
    )
    assert "Which tumor is it? Answers: Tumor, No Tumor, or Ambiguous where it will not choose." in page
    assert "As chosen. On calibrated probability: threshold 0.475, uncertain from 0.2222." in page
    assert "Platt scaling: slope 1.381, intercept -0.3219." in page
    assert "Input: MR, one picture of 96x96 pixels." in page
    assert "Heatmap: evidence." in page


def test_figures_stand_in_tables_with_their_intervals() -> None:
    page = render(card({"command": "imip evaluate x", "test": PART}))
    assert "Summed up by macro f1: 0.8500 on the test part." in page
    assert "| Measure | Test part (n = 20, 9 groups) |\n|---|---:|\n" in page
    assert "| false negative rate | 0.1000 (0.0500 to 0.2000) |" in page
    assert "any other label that were answered No Tumor." in page
    assert "| Actual | Tumor | Ambiguous |\n|---|---:|---:|\n| Tumor | 7 | 3 |" in page
    assert "| Actual | Tumor | No Tumor |\n|---|---:|---:|\n| Tumor | 9 | 1 |" in page
    assert "| Class | Scans | Groups | sensitivity | specificity |" in page
    assert "| notumor | 10 | 5 | - | 0.8000 (0.6000 to 0.9000) |" in page
    assert "Printed and written here by `imip evaluate x`." in page


def left_out(measure: str, value: float, *cells: Any) -> dict[str, Any]:
    return {"measure": measure, "value": value, "low": value - 0.1, "high": value + 0.05, "rows": [list(cells)]}


def test_a_card_with_sources_left_out_is_summed_up_by_each_of_them_the_worst_first() -> None:
    cells = "all", 30, 12, 4, {"value": 0.9, "low": 0.8, "high": 0.95}, *(None,) * 6
    sources = {"one": left_out("roc_auc", 0.9, "one", *cells), "two": left_out("specificity", 0.7, "two", *cells)}
    page = render(card({"command": "x", "left_out": sources, "test": PART}))
    summary = " ".join(page.split())
    assert "Summed up by each source left out of training in turn, the worst first: two specificity 0.7000" in summary
    assert "(0.6000 to 0.7500); one roc auc 0.9000 (0.8000 to 0.9500)." in summary
    assert "`imip train brain-tumor --leave-out SOURCE`" in page
    assert "| Source | Slices of | Slices | Tumors | Groups | AUC |" in page
    assert "| one | all | 30 | 12 | 4 | 0.9000 (0.8000 to 0.9500) | - |" in page
    assert page.index("| one |") < page.index("| two |") < page.index("| false negative rate |")


def test_sources_left_out_are_shown_before_the_test_part_is_evaluated() -> None:
    page = render(card({"left_out": {"one": left_out("roc_auc", 0.9, "one", *(None,) * 11)}}))
    assert "| one | - |" in page


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


@pytest.mark.parametrize("name", SHIPPED)
def test_the_published_page_is_the_card_as_it_stands(name: str) -> None:
    pages = REPOSITORY / "docs" / "models"
    shipped = Card.read(REPOSITORY / "models" / name / "card.yaml")
    pictures = sorted(path.relative_to(pages).as_posix() for path in (pages / name).glob("*.png"))
    assert (pages / f"{name}.md").read_text(encoding="utf-8") == render(shipped, pictures)
