import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_recall_fscore_support, roc_auc_score

from training.evaluation.multiclass import Scored, evaluate
from training.evaluation.report import Report

LABELS = ("Glioma", "Meningioma", "Pituitary", "No Tumor")


def random_scored(n: int = 300, *, abstain_below: float = 0.0) -> Scored:
    rng = np.random.default_rng(7)
    actual = rng.integers(0, 4, n)
    scores = rng.normal(0, 1, (n, 4)) + 1.5 * (np.arange(4) == actual[:, None])
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    names, confidence = np.array(LABELS), probabilities.max(axis=1)
    answered = np.where(confidence < abstain_below, "Ambiguous", names[probabilities.argmax(axis=1)])
    return Scored(
        LABELS, probabilities, answered, names[actual], np.arange(n) // 2, confidence < max(0.5, abstain_below)
    )


def values(report: Report) -> dict[str, float]:
    return {name: estimate.value for name, estimate in report.metrics.items()}


def test_values_agree_with_scikit_learn() -> None:
    scored = random_scored()
    report = evaluate(scored, resamples=10)
    actual, called = scored.actual, scored.most_probable
    expected = {
        "balanced_accuracy": balanced_accuracy_score(actual, called),
        "macro_f1": f1_score(actual, called, average="macro"),
        "macro_roc_auc": np.mean(
            [roc_auc_score(actual == name, scored.probabilities[:, i]) for i, name in enumerate(LABELS)]
        ),
    }
    assert expected.items() <= {name: pytest.approx(value) for name, value in values(report).items()}.items()
    precision, recall, f1, counts = precision_recall_fscore_support(actual, called, labels=LABELS)
    for index, (name, one) in enumerate(report.per_class.items()):
        assert (name, one.n) == (LABELS[index], counts[index])
        assert {measure: one.metrics[measure].value for measure in ("precision", "sensitivity", "f1")} == pytest.approx(
            {"precision": precision[index], "sensitivity": recall[index], "f1": f1[index]}
        )


def test_values_agree_with_hand_counts() -> None:
    scored = Scored(
        labels=("A", "B", "Healthy"),
        probabilities=np.array([[0.9, 0.1, 0.0], [0.4, 0.6, 0.0], [0.0, 0.2, 0.8], [0.3, 0.3, 0.4], [0.0, 0.1, 0.9]]),
        answered=np.array(["A", "B", "Healthy", "Ambiguous", "Healthy"]),
        actual=np.array(["A", "A", "B", "Healthy", "Healthy"]),
        group=np.array([0, 0, 1, 2, 3]),
        uncertain=np.array([False, True, False, True, False]),
    )
    report = evaluate(scored, healthy="Healthy", resamples=20)
    measured = values(report)
    assert (report.n, report.groups) == (5, 4)
    assert measured["false_negative_rate"] == pytest.approx(1 / 3)
    assert measured["accuracy"] == pytest.approx(3 / 5)
    assert measured["balanced_accuracy"] == pytest.approx((1 / 2 + 0 + 1) / 3)
    squares = (0.01 + 0.01) + (0.36 + 0.36) + (0.64 + 0.64) + (0.09 + 0.09 + 0.36) + (0.01 + 0.01)
    assert measured["brier"] == pytest.approx(squares / 5)
    gaps = abs(0.9 + 0.9 - 2) + 0.6 + 0.8 + abs(0.4 - 1)
    assert measured["expected_calibration_error"] == pytest.approx(gaps / 5)
    assert measured["answered_share"] == pytest.approx(4 / 5)
    assert measured["answered_accuracy"] == pytest.approx(2 / 4)
    assert measured["uncertain_share"] == pytest.approx(2 / 5)
    assert measured["confident_accuracy"] == pytest.approx(2 / 3)
    assert report.confusion["Healthy"] == {"A": 0, "B": 0, "Healthy": 1, "Ambiguous": 1}
    assert report.confusion_forced == {
        "A": {"A": 1, "B": 1, "Healthy": 0},
        "B": {"A": 0, "B": 0, "Healthy": 1},
        "Healthy": {"A": 0, "B": 0, "Healthy": 2},
    }


def test_an_abstention_changes_the_answers_and_not_how_well_the_model_ranks() -> None:
    always, sometimes = (evaluate(random_scored(abstain_below=limit), resamples=10) for limit in (0.0, 0.5))
    assert values(sometimes)["accuracy"] == values(always)["accuracy"]
    assert values(sometimes)["macro_roc_auc"] == values(always)["macro_roc_auc"]
    assert values(sometimes)["answered_share"] < values(always)["answered_share"] == 1
    assert values(sometimes)["answered_accuracy"] > values(always)["answered_accuracy"]
    assert always.confusion_forced is None and sometimes.confusion_forced == always.confusion


def test_missed_disease_leads_where_a_label_means_healthy() -> None:
    scored = random_scored()
    report = evaluate(scored, healthy="No Tumor", resamples=10)
    sick = scored.actual != "No Tumor"
    assert next(iter(report.metrics)) == "false_negative_rate"
    assert values(report)["false_negative_rate"] == pytest.approx((scored.answered[sick] == "No Tumor").mean())
    assert report.as_dict()["healthy_label"] == "No Tumor"
    assert "false_negative_rate" not in evaluate(scored, resamples=10).metrics


def test_every_figure_has_an_interval_around_it() -> None:
    report = evaluate(random_scored(abstain_below=0.4), healthy="No Tumor", resamples=300)
    figures = [*report.metrics.items(), *(item for one in report.per_class.values() for item in one.metrics.items())]
    for name, estimate in figures:
        # Calibration error is inflated by resampling: its interval lies above rather than around its value.
        assert estimate.low < estimate.high
        assert estimate.low <= estimate.value <= estimate.high or name == "expected_calibration_error"


def test_a_label_that_no_scan_has_is_left_out_of_the_averages() -> None:
    scored = random_scored()
    keep = scored.actual != "Pituitary"
    columns = scored.probabilities, scored.answered, scored.actual, scored.group, scored.uncertain
    report = evaluate(Scored(LABELS, *(column[keep] for column in columns)), resamples=20)
    assert "Pituitary" not in report.per_class
    recalls = [one.metrics["sensitivity"].value for one in report.per_class.values()]
    assert values(report)["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert set(report.confusion["Pituitary"].values()) == {0}


def test_scans_of_one_class_alone_report_what_they_can() -> None:
    scored = Scored(
        ("A", "B"),
        np.array([[0.9, 0.1], [0.2, 0.8]]),
        np.array(["A", "B"]),
        np.array(["A", "A"]),
        np.arange(2),
        np.zeros(2, np.bool_),
    )
    report = evaluate(scored, resamples=20)
    assert values(report)["accuracy"] == 0.5
    assert "macro_roc_auc" not in report.metrics and "roc_auc" not in report.per_class["A"].metrics


def test_a_healthy_label_must_be_one_of_the_labels() -> None:
    with pytest.raises(ValueError, match="'notumor' is not among the labels"):
        evaluate(random_scored(), healthy="notumor")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probabilities": np.full((2, 2), 0.4)}, "sum to 1"),
        ({"probabilities": np.array([[1.5, -0.5], [0.5, 0.5]])}, "0..1"),
        ({"probabilities": np.full((2, 3), 1 / 3)}, "four columns"),
        ({"group": np.arange(3)}, "four columns"),
        ({"actual": np.array(["A", "C"])}, r"\['C'\] are not among"),
        ({"answered": np.array(["Unsure", "Ambiguous"])}, "one abstention"),
        ({"answered": np.array(["A", "Ambiguous"])}, "not marked uncertain"),
    ],
)
def test_malformed_scores_are_refused(changes: dict[str, np.ndarray], message: str) -> None:
    columns = {
        "probabilities": np.array([[0.9, 0.1], [0.5, 0.5]]),
        "answered": np.array(["A", "B"]),
        "actual": np.array(["A", "B"]),
        "group": np.arange(2),
        "uncertain": np.array([True, False]),
    }
    with pytest.raises(ValueError, match=message):
        Scored(("A", "B"), **(columns | changes))
