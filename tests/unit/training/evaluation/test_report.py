import numpy as np
import yaml

from training.evaluation.bootstrap import Estimate
from training.evaluation.report import ClassReport, Report, count, table

REPORT = Report(
    n=5,
    groups=4,
    criteria={"threshold": 0.47501, "healthy_label": "No Tumor"},
    metrics={"roc_auc": Estimate(2 / 3, 0.5, 0.9), "brier": Estimate(0.1, np.nan, np.nan)},
    per_class={"glioma": ClassReport(3, 2, {"sensitivity": Estimate(1.0, 0.6, 1.0)})},
    confusion={"Tumor": {"Tumor": 3, "Ambiguous": 0}, "No Tumor": {"Tumor": 1, "Ambiguous": 1}},
    confusion_forced={"Tumor": {"Tumor": 3}, "No Tumor": {"Tumor": 2}},
)


def test_plain_numbers_survive_yaml_with_four_decimals() -> None:
    plain = REPORT.as_dict()
    assert yaml.safe_load(yaml.safe_dump(plain)) == plain
    assert plain["threshold"] == 0.47501
    assert plain["metrics"] == {
        "roc_auc": {"value": 0.6667, "low": 0.5, "high": 0.9},
        "brier": {"value": 0.1, "low": None, "high": None},
    }
    assert plain["per_class"] == {
        "glioma": {"n": 3, "groups": 2, "sensitivity": {"value": 1.0, "low": 0.6, "high": 1.0}}
    }


def test_the_forced_confusion_is_told_only_where_it_differs() -> None:
    always = Report(5, 4, {}, {}, {}, REPORT.confusion)
    assert "confusion_forced" in REPORT.as_dict() and "Most probable" in table(REPORT)
    assert "confusion_forced" not in always.as_dict() and "Most probable" not in table(always)


def test_the_table_says_what_was_measured_how_surely_and_by_what() -> None:
    text = table(REPORT)
    assert text.startswith("5 scans in 4 groups; threshold 0.475; healthy label No Tumor. Research only.")
    assert "| roc auc | 0.6667 | 0.5000 to 0.9000 |" in text
    assert "| brier | 0.1000 | unknown |" in text
    assert "| sensitivity, glioma (n = 3, 2 groups) | 1.0000 | 0.6000 to 1.0000 |" in text
    assert "| Actual | Called Tumor | Called Ambiguous |" in text
    assert "| No Tumor | 1 | 1 |" in text


def test_counts_name_every_label_and_answer_also_those_that_never_occur() -> None:
    actual, answered = np.array(["A", "A", "B"]), np.array(["A", "C", "A"])
    assert count(actual, answered, ("A", "B"), ("A", "B", "C")) == {
        "A": {"A": 1, "B": 0, "C": 1},
        "B": {"A": 1, "B": 0, "C": 0},
    }
