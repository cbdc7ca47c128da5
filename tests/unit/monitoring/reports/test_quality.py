"""The report's section on quality: labels and estimates week by week, drawn and tabulated, or why there are none."""

import re
from dataclasses import replace
from datetime import date

import pytest

from monitoring.performance.types import LabelPerformance
from monitoring.reports.quality import NO_LABELS, quality_section
from tests.support.report import NO_TUMOR, TUMOR, UNSEEN, WEEK

TARGET_LABELS = ("Tumor",)


def test_says_that_there_are_no_labels_yet() -> None:
    assert NO_LABELS in quality_section([], TARGET_LABELS)
    section = quality_section([replace(WEEK, labelled=0, accuracy=None, labels=(UNSEEN,))], TARGET_LABELS)
    assert NO_LABELS in section
    assert "<td>unknown</td><td>unknown</td><td>unknown</td><td>0.931 (0.910 to 0.950)</td>" in section


def test_shows_shares_with_intervals() -> None:
    section = quality_section([WEEK], TARGET_LABELS)
    for cell in (
        "2025-02-17",
        "41",
        "0.905 (0.770 to 0.970)",
        "0.800 (0.600 to 0.900)",
        "0.200 (0.100 to 0.400)",
        "0.931 (0.910 to 0.950)",
    ):
        assert f"<td>{cell}</td>" in section
    assert "<th>Sensitivity (Tumor)" in section
    assert "0.750 (0.500 to 0.850)" not in section  # of the other label
    assert section.count('<svg viewBox="0 0 720 204"') == 3
    assert NO_LABELS not in section


@pytest.mark.parametrize("labels", [(NO_TUMOR, UNSEEN), (NO_TUMOR,), ()])
def test_shows_a_week_without_a_labelled_tumour(labels: tuple[LabelPerformance, ...]) -> None:
    unseen = replace(WEEK, week=date(2025, 2, 24), labels=labels, estimated_accuracy=None)
    section = quality_section([unseen, WEEK], TARGET_LABELS)
    assert section.index("<td>2025-02-17</td>") < section.index("<td>2025-02-24</td>")
    assert "<td>0.905 (0.770 to 0.970)</td><td>unknown</td><td>unknown</td><td>unknown</td>" in section


def test_shows_the_target_label() -> None:
    section = quality_section([WEEK], ("No Tumor",))
    assert "<td>0.750 (0.500 to 0.850)</td><td>0.250 (0.150 to 0.500)</td>" in section
    assert "0.800 (0.600 to 0.900)" not in section


def test_shows_every_label_where_each_is_a_target() -> None:
    section = quality_section([WEEK], ("Tumor", "No Tumor"))
    assert "<th>Sensitivity (Tumor)<th>False negative rate (Tumor)<th>Sensitivity (No Tumor)" in section
    assert section.count("<svg") == 5


def test_draws_measured_and_estimated_shares_with_their_intervals() -> None:
    accuracy, *others = re.findall(r"<svg.*?</svg>", quality_section([WEEK], TARGET_LABELS), re.DOTALL)
    bar = re.compile(r'<path d="M\d+\.\d [\d.]+V[\d.]+"/>')
    assert [len(bar.findall(chart)) for chart in (accuracy, *others)] == [2, 1, 1]
    assert [chart.count("<circle") for chart in (accuracy, *others)] == [1, 1, 1]
    assert [chart.count("l8 8m0-8l-8 8") for chart in (accuracy, *others)] == [1, 0, 0]


def test_lets_no_name_open_a_tag() -> None:
    hostile = "</script><script>alert(1)</script>"
    week = replace(WEEK, version=hostile, labels=(replace(TUMOR, label=hostile),))
    section = quality_section([week], (hostile,))
    assert "<script>" not in section and "&lt;script&gt;alert" in section
