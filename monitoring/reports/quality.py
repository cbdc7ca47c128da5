"""The drift report's section on quality: what labels and calibrated confidences say week by week, drawn and tabulated.

Plain HTML and SVG, made of aggregates only. It needs none of what draws the comparison of predictions.
"""

from collections.abc import Iterator, Sequence
from html import escape

from monitoring.performance.types import Interval, LabelPerformance, WeekPerformance

NO_LABELS = "No prediction has been labelled yet, so its quality is unknown: send the truth to POST /feedback."
MEASURED, ESTIMATED = "#1f4e9c", "#b3261e"
ASIDE = 12  # how far an estimate stands beside what was measured, so that neither hides the other
DATES = 8  # at most, under a chart

Shares = Sequence[Interval | None]  # one a week


def quality_section(quality: Sequence[WeekPerformance], target_labels: Sequence[str]) -> str:
    """Return the section as HTML; `target_labels` are those whose sensitivity and false negative rate it shows."""
    weeks = sorted(quality, key=lambda week: (week.week, week.version))
    unlabelled = "" if any(week.labelled for week in weeks) else f"<p>{NO_LABELS}</p>"
    if not weeks:
        return f"<h2>Quality over time</h2>{unlabelled}"
    return f"<h2>Quality over time</h2>{unlabelled or _charts(weeks, target_labels)}{_table(weeks, target_labels)}"


def _found(week: WeekPerformance, label: str) -> LabelPerformance | None:
    return next((found for found in week.labels if found.label == label), None)


def _sensitivity(week: WeekPerformance, label: str) -> Interval | None:
    found = _found(week, label)
    return found.sensitivity if found else None


def _false_negative_rate(week: WeekPerformance, label: str) -> Interval | None:
    found = _found(week, label)
    return found.false_negative_rate if found else None


def _table(weeks: Sequence[WeekPerformance], target_labels: Sequence[str]) -> str:
    shares = ("Sensitivity", "False negative rate")
    names = "".join(f"<th>{share} ({escape(label)})" for label in target_labels for share in shares)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(week, target_labels))}</tr>" for week in weeks
    )
    return f"""<table><tr><th>Week of<th>Model version<th>Labelled<th>Accuracy{names}
<th>Estimated accuracy</tr>{rows}</table>
<p>In brackets and as bars: 95% intervals. Rates count labelled predictions only; the estimate needs no labels.</p>"""


def _cells(week: WeekPerformance, target_labels: Sequence[str]) -> tuple[str, ...]:
    found = [share for one in target_labels for share in (_sensitivity(week, one), _false_negative_rate(week, one))]
    shares = (week.accuracy, *found, week.estimated_accuracy)
    return (week.week.isoformat(), week.version, str(week.labelled), *(_text(share) for share in shares))


def _text(share: Interval | None) -> str:
    return f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})" if share else "unknown"


def _charts(weeks: Sequence[WeekPerformance], target_labels: Sequence[str]) -> str:
    dates = [week.week.isoformat() for week in weeks]
    accuracies = [week.accuracy for week in weeks]
    estimates = [week.estimated_accuracy for week in weeks]
    charts = [_chart("Accuracy (crosses: estimated)", dates, accuracies, estimates)]
    for one in target_labels:
        found, missed = zip(
            *((_sensitivity(week, one), _false_negative_rate(week, one)) for week in weeks), strict=True
        )
        charts += [_chart(f"Sensitivity ({one})", dates, found), _chart(f"False negative rate ({one})", dates, missed)]
    return "".join(charts)


def _chart(title: str, dates: Sequence[str], measured: Shares, estimated: Shares = ()) -> str:
    xs = [60 + 620 * (place + 0.5) / len(dates) for place in range(len(dates))]
    points, guesses = list(_known(xs, measured)), list(_known(xs[: len(estimated)], estimated))
    line = " ".join(f"{x:.1f},{_y(share.value):.1f}" for x, share in points)
    dots = "".join(f'{_bar(x, share)}<circle cx="{x:.1f}" cy="{_y(share.value):.1f}" r="3"/>' for x, share in points)
    crosses = "".join(_bar(x + ASIDE, share) + _cross(x + ASIDE, share) for x, share in guesses)
    return f"""<svg viewBox="0 0 720 204" font-size="11"><text x="60" y="14" font-size="13">{escape(title)}</text>
{_axes(xs, dates)}<polyline points="{line}" stroke="{MEASURED}" fill="none"/>
<g stroke="{MEASURED}" fill="{MEASURED}">{dots}</g><g stroke="{ESTIMATED}">{crosses}</g></svg>"""


def _known(xs: Sequence[float], shares: Shares) -> Iterator[tuple[float, Interval]]:
    return ((x, share) for x, share in zip(xs, shares, strict=True) if share)


def _bar(x: float, share: Interval) -> str:
    return f'<path d="M{x:.1f} {_y(share.low):.1f}V{_y(share.high):.1f}"/>'


def _cross(x: float, share: Interval) -> str:
    return f'<path d="M{x - 4:.1f} {_y(share.value) - 4:.1f}l8 8m0-8l-8 8"/>'


def _axes(xs: Sequence[float], dates: Sequence[str]) -> str:
    grid = "".join(
        f'<path d="M60 {_y(share)}H680" stroke="#e0e0e0"/><text x="28" y="{_y(share) + 4}">{share}</text>'
        for share in (0, 0.5, 1)
    )
    every = -(-len(dates) // DATES)
    named = list(zip(xs, dates, strict=True))[::every]
    return grid + "".join(f'<text x="{x - 28:.1f}" y="196">{date}</text>' for x, date in named)


def _y(share: float) -> float:
    return 175 - 150 * share
