"""The drift report: one HTML page, for people, that sets a window of predictions beside the reference.

Evidently draws the comparison. It takes seconds to import and brings a web server and language tools along, so it
stands in the extra `report`, is imported only when a report is made, and never by an API worker. The page holds
aggregates of predictions only, carries all it needs, and forbids the browser to load anything.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from imip.disclaimer import DISCLAIMER
from monitoring.drift.arrays import PredictionArrays
from monitoring.performance.types import WeekPerformance
from monitoring.reports.quality import quality_section

if TYPE_CHECKING:
    import pandas as pd

LABEL = "label given"
CONFIDENCE = "confidence in the label given"
CHI_SQUARED = "two_sample_chi_squared"
BLOCK = 20  # predictions, the fewest that one point of a line over the window stands for
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
STYLE = """
.imip { font: 15px/1.5 sans-serif; color: #111; background: #fff; max-width: 1200px; margin: auto; padding: 24px; }
.imip .disclaimer { border-left: 4px solid #b3261e; background: #fdecea; padding: 8px 16px; }
.imip table { border-collapse: collapse; margin: 12px 0; }
.imip th, .imip td { border: 1px solid #d0d0d0; padding: 4px 12px; text-align: left; }
.imip svg { width: 100%; max-width: 720px; display: block; }
"""


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What the report is about; sizes are counted from the predictions."""

    module: str
    sought: tuple[str, ...]  # the labels whose sensitivity is shown, such as "Tumor"
    level: float  # of the false discovery rate over the features; of confidence and labels, one by one
    model_version: str
    reference_version: str
    first: datetime  # when the window's first prediction was answered
    last: datetime
    made: datetime


def drift_report(
    reference: PredictionArrays, current: PredictionArrays, quality: Sequence[WeekPerformance], facts: ReportFacts
) -> str:
    """Return a whole HTML page that sets current predictions beside the reference.

    Raises ValueError if there is nothing to compare.
    """
    if not len(reference) or not len(current):
        raise ValueError("A drift report needs predictions both in the reference and in the window.")
    if reference.names != current.names:
        raise ValueError("The reference and the window hold different features.")
    drifted = _drifted(reference, current, facts.level)
    page = _comparison(_frame(reference), _frame(current), max(1, len(drifted)), facts.level)
    # A page without these tags keeps its words: what is missing is put at the end.
    before, head, after = page.partition("<head>")
    inside, body, rest = after.partition("<body>")
    words = _facts(len(reference), len(current), facts) + _verdict(drifted, len(reference.names), facts.level)
    words += quality_section(quality, facts.sought)
    return f"{before.lstrip()}{head}{_head(facts)}{inside}{body}<div class='imip'>{words}</div>{rest}"


def _drifted(reference: PredictionArrays, current: PredictionArrays, level: float) -> list[str]:
    from scipy.stats import false_discovery_control, ks_2samp

    if not reference.names:
        return []
    pairs = [(reference.feature(name), current.feature(name)) for name in reference.names]
    p_values = [ks_2samp(then[np.isfinite(then)], now[np.isfinite(now)]).pvalue for then, now in pairs]
    return [name for name, p in zip(reference.names, false_discovery_control(p_values), strict=True) if p <= level]


def _frame(predictions: PredictionArrays) -> "pd.DataFrame":
    import pandas as pd

    columns: dict[str, Any] = {_plain(name): predictions.feature(name) for name in predictions.names}
    columns |= {CONFIDENCE: predictions.confidences, LABEL: [_plain(label) for label in predictions.labels.tolist()]}
    # Evidently draws a mean per index value, up to 150 of them: with a row each, that would be the rows themselves.
    blocks = max(1, len(predictions) // BLOCK)
    return pd.DataFrame(columns, index=np.arange(len(predictions)) * blocks // len(predictions))


def _plain(text: str) -> str:
    """Return text that opens no tag: Evidently writes it into a script, and Plotly reads tags in it, both unescaped."""
    return text.replace("<", "\u2039").replace(">", "\u203a")


def _comparison(reference: "pd.DataFrame", current: "pd.DataFrame", drifted: int, level: float) -> str:
    os.environ["DO_NOT_TRACK"] = "1"  # Evidently reads it when it would report its use
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    _register_chi_squared()
    numbers = [name for name in reference.columns if name != LABEL]
    features = [name for name in numbers if name != CONFIDENCE]
    metrics = [
        ValueDrift(column=LABEL, method=CHI_SQUARED, threshold=level),
        ValueDrift(column=CONFIDENCE, method="ks", threshold=level),
    ]
    if features:
        share = 1 / len(features)  # one drifted feature is drift
        # Benjamini and Hochberg's cut-off, so that Evidently finds the features drifted that `_drifted` does.
        cut_off = level * drifted * share
        metrics.append(DataDriftPreset(features, num_method="ks", num_threshold=cut_off, drift_share=share))
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=[LABEL])
    now, then = (Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference))
    with np.errstate(divide="ignore", invalid="ignore"):  # a feature that never varies correlates with none
        return str(Report(metrics, include_tests=False).run(now, then).get_html_str(as_iframe=False))


def _register_chi_squared() -> None:
    # Evidently's own takes the reference's shares for exact, and so raises more false alarms than the monitor.
    from evidently.legacy.calculations.stattests import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    test = StatTest(CHI_SQUARED, "chi-square p_value", allowed_feature_types=[ColumnType.Categorical])
    register_stattest(test, default_impl=_two_sample_chi_squared)


def _two_sample_chi_squared(
    reference: "pd.Series[str]", current: "pd.Series[str]", _: object, threshold: float
) -> tuple[float, bool]:
    from scipy.stats import chi2_contingency

    labels = sorted({*reference, *current})
    p_value = float(
        chi2_contingency([[(column == label).sum() for label in labels] for column in (reference, current)])[1]
    )
    return p_value, p_value <= threshold


def _head(facts: ReportFacts) -> str:
    return (
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>Drift report: {escape(facts.module)} {escape(facts.model_version)}</title><style>{STYLE}</style>"
    )


def _facts(reference: int, current: int, facts: ReportFacts) -> str:
    first, last, made = (moment.isoformat(" ", "seconds") for moment in (facts.first, facts.last, facts.made))
    rows = {
        "Module": facts.module,
        "Model version": facts.model_version,
        "Reference": f"{facts.reference_version}, {reference} predictions",
        "Window": f"{current} predictions, {first} to {last}",
        "Made": made,
    }
    table = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    return f"""<h1>Drift report: {escape(facts.module)}</h1>
<p class="disclaimer">{escape(DISCLAIMER)}</p><table>{table}</table>"""


def _verdict(drifted: Sequence[str], features: int, level: float) -> str:
    names = f": {escape(', '.join(drifted))}" if drifted else ""
    return f"""<h2>Drift</h2><p><strong>{len(drifted)} of {features} features drifted{names}.</strong>
Features are compared by two-sample Kolmogorov-Smirnov tests, their false discovery rate held at {level:.3g};
confidence by the same test and labels by the chi-squared test, at {level:.3g} each. The scores below are p values:
the smaller, the stranger. Lines over the window show means of at least {BLOCK} predictions where there are so
many.</p>"""
