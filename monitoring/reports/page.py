"""The drift report: one HTML page, for people, that draws what a drift check compared and gives its verdicts.

Evidently draws the distributions. It takes seconds to import and brings a web server and language tools along, so it
stands in the extra `report`, is imported only when a report is made, and never by an API worker. The page holds
aggregates of predictions only, carries all it needs, and forbids the browser to load anything.
"""

import os
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from imip.disclaimer import DISCLAIMER
from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.checks import Check
from monitoring.performance.types import WeekPerformance
from monitoring.reports.quality import quality_section

if TYPE_CHECKING:
    import pandas as pd

LABEL = "label given"
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


def drift_report(
    check: Check,
    reference: PredictionArrays,
    window: PredictionArrays,
    quality: Sequence[WeekPerformance],
    target_labels: Sequence[str],
) -> str:
    """Return a whole HTML page about a check, which compared a window with a reference.

    `target_labels` are the labels whose sensitivity is shown, such as "Tumor".
    """
    page = _distributions(check, _frame(reference, check), _frame(window, check))
    # A page without these tags keeps its words: what is missing is put at the end.
    before, head, after = page.partition("<head>")
    inside, body, rest = after.partition("<body>")
    words = _facts(check) + _verdict(check) + quality_section(quality, target_labels)
    return f"{before.lstrip()}{head}{_head(check)}{inside}{body}<div class='imip'>{words}</div>{rest}"


def _frame(predictions: PredictionArrays, check: Check) -> "pd.DataFrame":
    import pandas as pd

    columns: dict[str, Any] = {_plain(shift.name): predictions.feature(shift.name) for shift in check.features}
    columns[LABEL] = [_plain(label) for label in predictions.labels.tolist()]
    # Evidently draws a mean per index value, up to 150 of them: with a row each, that would be the rows themselves.
    blocks = max(1, len(predictions) // BLOCK)
    return pd.DataFrame(columns, index=np.arange(len(predictions)) * blocks // len(predictions))


def _plain(text: str) -> str:
    """Return text that opens no tag: Evidently writes it into a script, and Plotly reads tags in it, both unescaped."""
    return text.replace("<", "\u2039").replace(">", "\u203a")


def _distributions(check: Check, reference: "pd.DataFrame", window: "pd.DataFrame") -> str:
    os.environ["DO_NOT_TRACK"] = "1"  # Evidently reads it when it would report its use
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import UniqueValueCount
    from evidently.presets import DataDriftPreset

    drifted = {_plain(shift.name): shift.drifted for shift in check.features}
    features = list(drifted)
    metrics = [UniqueValueCount(column=LABEL)]
    if features:
        # Evidently tests again; these thresholds of p-values and of the share of features repeat the check's verdicts.
        thresholds = {name: float(verdict) for name, verdict in drifted.items()}
        share = (sum(drifted.values()) if check.drifted else 1) / len(features)
        metrics.append(DataDriftPreset(features, num_method="ks", per_column_threshold=thresholds, drift_share=share))
    definition = DataDefinition(numerical_columns=features, categorical_columns=[LABEL])
    now, then = (Dataset.from_pandas(frame, data_definition=definition) for frame in (window, reference))
    with np.errstate(divide="ignore", invalid="ignore"):  # a feature that never varies correlates with none
        return str(Report(metrics, include_tests=False).run(now, then).get_html_str(as_iframe=False))


def _head(check: Check) -> str:
    return (
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>Drift report: {escape(check.module)} {escape(check.version)}</title><style>{STYLE}</style>"
    )


def _facts(check: Check) -> str:
    since, until, at = (moment.isoformat(" ", "seconds") for moment in (check.since, check.until, check.at))
    rows = {
        "Module": check.module,
        "Model version": check.version,
        "Reference": f"{check.reference}, {check.reference_size} predictions",
        "Window": f"{check.window_size} predictions, {since} to {until}",
        "Checked": at,
    }
    table = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    return f"""<h1>Drift report: {escape(check.module)}</h1>
<p class="disclaimer">{escape(DISCLAIMER)}</p><table>{table}</table>"""


def _verdict(check: Check) -> str:
    rows = "".join(
        f"<tr><td>{escape(one.detector)}</td><td>{one.statistic:.4g}</td><td>{one.threshold:.4g}</td>"
        f"<td>{one.p_value:.2g}</td><td>{'drift' if one.drifted else 'no drift'}</td></tr>"
        for one in check.detectors
    )
    drifted = [shift.name for shift in check.features if shift.drifted]
    names = f": {escape(', '.join(drifted))}" if drifted else ""
    return f"""<h2>{"Drift" if check.drifted else "No drift"}</h2>
<table><tr><th>Detector<th>Statistic<th>Threshold<th>p-value<th>Verdict</tr>{rows}</table>
<p><strong>{len(drifted)} of {len(check.features)} features drifted{names}.</strong> The verdicts are those of the drift
check, here and below. Below, a drift score is the p-value of that feature by itself, before the check accounts for the
number of features. Lines over the window show means of at least {BLOCK} predictions where there are so many.</p>"""
