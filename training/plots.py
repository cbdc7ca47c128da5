"""The pictures that go with a report: ROC curve, reliability diagram, confusion matrix.

Their own room, so that judging a model needs no Matplotlib. Figures are drawn with the object interface alone: no
window, no global state, nothing left open. Every picture says how many scans it shows and that it is research only.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from training.evaluation import BINS, Report, Scored, calibration_bin

SIZE = (8.0, 7.0)  # inches
RESOLUTION = 100  # dots per inch: 800 x 700 pixels
INK, ACCENT, PALE = "#1f4e79", "#c0392b", "#b8c4d0"
CORNER = 0.1  # of the ROC curve, shown enlarged


def write_plots(scored: Scored, report: Report, folder: Path) -> list[Path]:
    """Draw what these scans can show into `folder` (made if missing); return the files. One class alone has no ROC."""
    folder.mkdir(parents=True, exist_ok=True)
    reliability(scored, folder / "reliability.png")
    confusion(report, folder / "confusion.png")
    if "roc_auc" not in report.metrics:
        return [folder / "reliability.png", folder / "confusion.png"]
    roc(scored, report, folder / "roc.png")
    return [folder / "roc.png", folder / "reliability.png", folder / "confusion.png"]


def roc(scored: Scored, report: Report, path: Path) -> None:
    """Draw the ROC curve with the operating point, its corner enlarged. Raises KeyError unless both classes exist."""
    area = report.metrics["roc_auc"]
    figure = _sheet(f"ROC curve, area {area.value:.4f}", report.n)
    axes = figure.add_subplot()
    axes.set(xlabel="False positive rate (share of scans without tumor)", ylabel="Sensitivity (share of tumors found)")
    axes.plot([0, 1], [0, 1], color=PALE, linestyle="--", label="guessing")
    corner = axes.inset_axes((0.4, 0.22, 0.55, 0.5), xlim=(-0.004, CORNER), ylim=(1 - CORNER, 1.004))
    for place in (axes, corner):
        _draw_roc(place, scored, report)
    corner.set_title("upper left corner", fontsize=9)
    axes.indicate_inset_zoom(corner, edgecolor="grey")
    axes.legend(loc="lower right")
    _write(figure, path)


def _draw_roc(axes: Axes, scored: Scored, report: Report) -> None:
    false_positive_rate, sensitivity, _ = roc_curve(scored.is_tumor, scored.probability)
    axes.plot(false_positive_rate, sensitivity, color=INK, label="model")
    at, found = report.metrics["false_positive_rate"].value, report.metrics["sensitivity"].value
    label = f"threshold {report.point.threshold:.4g}: sensitivity {found:.3f}, false positive rate {at:.3f}"
    axes.plot([at], [found], "o", color=ACCENT, label=label)
    axes.grid(alpha=0.3)


def reliability(scored: Scored, path: Path) -> None:
    """Draw the share of tumors against the mean P(Tumor) of each bin, and below how many scans each bin holds."""
    number = calibration_bin(scored.probability)
    counts = np.bincount(number, minlength=BINS)
    filled = np.flatnonzero(counts)
    said = np.bincount(number, scored.probability, BINS)[filled] / counts[filled]
    true = np.bincount(number, scored.is_tumor, BINS)[filled] / counts[filled]

    figure = _sheet("Reliability of the calibrated probability", scored.probability.size)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color=PALE, linestyle="--", label="perfectly calibrated")
    upper.plot(said, true, "o-", color=INK, label=f"model, {BINS} equal bins")
    upper.set(ylabel="Share of tumors in the bin (0 to 1)", xlim=(0, 1), ylim=(-0.02, 1.02))
    upper.legend(loc="upper left")
    bars = lower.bar((np.arange(BINS) + 0.5) / BINS, counts, width=0.9 / BINS, color=PALE)
    lower.bar_label(bars, fontsize=9)
    lower.margins(y=0.2)
    lower.set(ylabel="Number of scans", xlabel="Mean calibrated P(Tumor) in the bin (0 to 1)")
    _write(figure, path)


def confusion(report: Report, path: Path) -> None:
    """Draw the counted decisions, each row also as a share of what is true."""
    counted = report.confusion
    counts = np.array([[counted.tp, counted.fn], [counted.fp, counted.tn]])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = _sheet(f"Decisions at threshold {report.point.threshold:.4g}", report.n)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks([0, 1], ["Tumor", "No Tumor"])
    axes.set_yticks([0, 1], ["Tumor", "No Tumor"])
    axes.set(xlabel="Called (number of scans, share of the row)", ylabel="True")
    for (row, column), share in np.ndenumerate(shares):
        text, ink = f"{counts[row, column]}\n{share:.1%}", "white" if share > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=18)
    _write(figure, path)


def _sheet(title: str, n: int) -> Figure:
    figure = Figure(figsize=SIZE, dpi=RESOLUTION, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{title}\nn = {n} scans. Research only, not for diagnosis.")
    return figure


def _write(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="png")
