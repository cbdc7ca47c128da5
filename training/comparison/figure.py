"""The figure of a comparison: what agreement between modules says about their votes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.comparison.agreement import AGREEING, CONFIDENCE, GUESSING, MEAN, Level
from training.comparison.compare import Comparison
from training.evaluation.bootstrap import Estimate

SIZE = (12.0, 6.0)  # inches
RESOLUTION = 100  # dots per inch
BELOW = (0.5, -0.14)  # the axes, in their own units: a legend there hides no point
APART = 0.1  # between points drawn side by side


def draw(comparison: Comparison, path: Path) -> None:
    """Draw accuracy by agreement, and how well each signal separates right from wrong votes, with 95% intervals."""
    figure = Figure(figsize=SIZE, dpi=RESOLUTION, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _draw_levels(left, comparison.levels)
    _draw_signals(right, comparison)
    figure.suptitle(f"n = {comparison.scans} scans in {comparison.groups} groups. Research only, not for diagnosis.")
    figure.savefig(path, format="png", metadata={"Software": None})


def _draw_levels(axes: Axes, levels: Mapping[str, Sequence[Level]]) -> None:
    for place, (name, one) in enumerate(levels.items()):
        beside = (place - (len(levels) - 1) / 2) * APART
        _draw_intervals(axes, [level.agreeing + beside for level in one], [level.accuracy for level in one], name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(
        xlabel="Other modules that voted alike; of the majority, modules of it",
        ylabel="Share of right votes, 95% interval",
    )
    axes.legend(loc="upper center", bbox_to_anchor=BELOW, ncols=3)


def _draw_signals(axes: Axes, comparison: Comparison) -> None:
    names = [one.module for one in comparison.signals]
    for place, signal in enumerate((CONFIDENCE, AGREEING, MEAN)):
        known = [(row, one.area[signal]) for row, one in enumerate(comparison.signals) if signal in one.area]
        _draw_intervals(
            axes, [row + (place - 1) * 2 * APART for row, _ in known], [estimate for _, estimate in known], signal
        )
    axes.axhline(GUESSING, color="grey", linestyle="--", label="guessing")
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="ROC AUC of right against wrong votes, 95% interval")
    axes.legend(loc="upper center", bbox_to_anchor=BELOW, ncols=3)


def _draw_intervals(axes: Axes, at: Sequence[float], measured: Sequence[Estimate], label: str) -> None:
    values = np.array([one.value for one in measured])
    ends = np.array([[one.low, one.high] for one in measured]).reshape(-1, 2).T
    axes.errorbar(at, values, yerr=np.abs(ends - values), fmt="o", capsize=3, label=label)
