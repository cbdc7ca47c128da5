"""The plots of a report: ROC curves, reliability diagram, confusion matrix.

They are drawn with Matplotlib's object interface: no window, no global state, nothing left open. Every plot says how
many scans it shows and that it is research only.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from training.evaluation import binary, multiclass
from training.evaluation.measures import BINS, calibration_bin
from training.evaluation.report import Confusion, Report

SIZE = (8.0, 7.0)  # inches
RESOLUTION = 100  # dots per inch: 800 x 700 pixels
INK, ACCENT, PALE = "#1f4e79", "#c0392b", "#b8c4d0"
CORNER = 0.1  # of the ROC curve of two labels, shown enlarged
LARGEST, SMALLEST = 18, 9  # points, of the numbers in a confusion matrix


def write_plots(scored: binary.Scored | multiclass.Scored, report: Report, folder: Path) -> list[Path]:
    """Draw what these scans can show into `folder` (made if missing); return the files. One class alone has no ROC."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(scored, binary.Scored):
        return _of_two_labels(scored, report, folder)
    return _of_many_labels(scored, report, folder)


def _of_two_labels(scored: binary.Scored, report: Report, folder: Path) -> list[Path]:
    positive, roc, reliability = scored.labels[0], folder / "roc.png", folder / "reliability.png"
    draw_reliability(
        scored.probability, scored.is_positive, f"calibrated P({positive})", f"Share of {positive}", reliability
    )
    confusion = _confusions(report, f"Decisions at threshold {report.criteria['threshold']:.4g}", folder)
    if "roc_auc" not in report.metrics:
        return [reliability, *confusion]
    draw_roc(scored, report, roc)
    return [roc, reliability, *confusion]


def _of_many_labels(scored: multiclass.Scored, report: Report, folder: Path) -> list[Path]:
    roc, reliability = folder / "roc.png", folder / "reliability.png"
    confidence, right = scored.probabilities.max(axis=1), scored.most_probable == scored.actual
    draw_reliability(confidence, right, "calibrated confidence", "Share of right labels", reliability)
    confusion = _confusions(report, "Answers", folder)
    if not any("roc_auc" in one.metrics for one in report.per_class.values()):
        return [reliability, *confusion]
    draw_roc_of_each(scored, report, roc)
    return [roc, reliability, *confusion]


def _confusions(report: Report, title: str, folder: Path) -> list[Path]:
    answered, forced = folder / "confusion.png", folder / "confusion_forced.png"
    draw_confusion(report.confusion, title, answered)
    if report.confusion_forced is None:
        return [answered]
    draw_confusion(report.confusion_forced, "Most probable label, if it must answer", forced)
    return [answered, forced]


def draw_roc(scored: binary.Scored, report: Report, path: Path) -> None:
    """Draw the ROC curve with the operating point, its corner enlarged. Raises KeyError unless both classes exist."""
    area = report.metrics["roc_auc"]
    positive, negative = scored.labels
    figure = sheet(f"ROC curve, area {area.value:.4f}", f"n = {report.n} scans")
    axes = figure.add_subplot()
    axes.set(
        xlabel=f"False positive rate (share of {negative} called {positive})",
        ylabel=f"Sensitivity (share of {positive} found)",
    )
    axes.plot([0, 1], [0, 1], color=PALE, linestyle="--", label="guessing")
    corner = axes.inset_axes((0.4, 0.22, 0.55, 0.5), xlim=(-0.004, CORNER), ylim=(1 - CORNER, 1.004))
    for place in (axes, corner):
        _draw_operating_curve(place, scored, report)
    corner.set_title("upper left corner", fontsize=9)
    axes.indicate_inset_zoom(corner, edgecolor="grey")
    axes.legend(loc="lower right")
    _write(figure, path)


def _draw_operating_curve(axes: Axes, scored: binary.Scored, report: Report) -> None:
    false_positive_rate, sensitivity, _ = roc_curve(scored.is_positive, scored.probability)
    axes.plot(false_positive_rate, sensitivity, color=INK, label="model")
    at, found = report.metrics["false_positive_rate"].value, report.metrics["sensitivity"].value
    threshold = report.criteria["threshold"]
    label = f"threshold {threshold:.4g}: sensitivity {found:.3f}, false positive rate {at:.3f}"
    axes.plot([at], [found], "o", color=ACCENT, label=label)
    axes.grid(alpha=0.3)


def draw_roc_of_each(scored: multiclass.Scored, report: Report, path: Path) -> None:
    """Draw the ROC curve of each label against the rest, as far as the scans hold both."""
    figure = sheet("ROC curves, each label against the rest", f"n = {report.n} scans")
    axes = figure.add_subplot()
    axes.set(xlabel="False positive rate (share of the rest)", ylabel="Sensitivity (share of the label)")
    axes.plot([0, 1], [0, 1], color=PALE, linestyle="--", label="guessing")
    for name, one in report.per_class.items():
        if area := one.metrics.get("roc_auc"):
            probability = scored.probabilities[:, scored.labels.index(name)]
            false_positive_rate, sensitivity, _ = roc_curve(scored.actual == name, probability)
            axes.plot(false_positive_rate, sensitivity, label=f"{name}, area {area.value:.4f}")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    _write(figure, path)


def draw_reliability(
    probability: NDArray[np.float64], came_true: NDArray[np.bool_], said: str, share: str, path: Path
) -> None:
    """Draw the share that came true against the mean probability of each bin, and below how many scans each holds.

    `probability` (0..1) and `came_true` are (n,); `said` and `share` name the two on the axes.
    """
    number = calibration_bin(probability)
    counts = np.bincount(number, minlength=BINS)
    filled = np.flatnonzero(counts)
    mean = np.bincount(number, probability, BINS)[filled] / counts[filled]
    true = np.bincount(number, came_true, BINS)[filled] / counts[filled]

    figure = sheet(f"Reliability of the {said}", f"n = {probability.size} scans")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color=PALE, linestyle="--", label="perfectly calibrated")
    upper.plot(mean, true, "o-", color=INK, label=f"model, {BINS} equal bins")
    upper.set(ylabel=f"{share} in the bin (0 to 1)", xlim=(0, 1), ylim=(-0.02, 1.02))
    upper.legend(loc="upper left")
    bars = lower.bar((np.arange(BINS) + 0.5) / BINS, counts, width=0.9 / BINS, color=PALE)
    lower.bar_label(bars, fontsize=9)
    lower.margins(y=0.2)
    lower.set(ylabel="Number of scans", xlabel=f"Mean {said} in the bin (0 to 1)")
    _write(figure, path)


def draw_confusion(confusion: Confusion, title: str, path: Path) -> None:
    """Draw the counted answers, an abstention's column last, each row also as a share of what is true."""
    labels, answers = list(confusion), list(next(iter(confusion.values())))
    counts = np.array([[confusion[label][answer] for answer in answers] for label in labels])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = sheet(title, f"n = {counts.sum()} scans")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(answers)), answers)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="Called (number of scans, share of the row)", ylabel="True")
    size = max(SMALLEST, LARGEST - 2 * (len(answers) - 2))
    for (row, column), share in np.ndenumerate(shares):
        text, ink = f"{counts[row, column]}\n{share:.1%}", "white" if share > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=size)
    _write(figure, path)


def sheet(title: str, shown: str) -> Figure:
    """Return an empty figure that says what it shows, and that it is research only."""
    figure = Figure(figsize=SIZE, dpi=RESOLUTION, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{title}\n{shown}. Research only, not for diagnosis.")
    return figure


def _write(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="png")
