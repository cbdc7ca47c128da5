"""Plots of `brain-anomaly`: its losses by epoch, its measures by class, and slices as they are and as it redraws them.

The slices are the project's own samples, never those of a data set.
"""

import csv
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from imip.inference.head import crop_to_head
from imip.inference.module import AnalysisModule
from imip.modules.brain_anomaly import MEASURES, score_at
from imip.scan.read import read_scan
from training.augmentation.brain import paint_lesion
from training.evaluation.plots import ACCENT, INK, PALE, sheet
from training.networks import autoencoder
from training.networks.weights import read_weights
from training.recipe import Evaluation
from training.recipes.brain_mri import is_tumor

SAMPLES = Path(__file__).parents[3] / "samples"
PAINTED = 2  # lesions painted into the healthy sample
BINS = 40


def draw_losses(curves: Path, path: Path) -> None:
    """Draw the losses that `epochs.csv` of a run holds: columns epoch, loss and val_loss."""
    with curves.open(newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) for row in rows]
    figure = sheet("Mean squared reconstruction error by epoch", "Brightness 0 to 1")
    axes = figure.add_subplot(xlabel="Epoch", ylabel="Mean squared error", yscale="log")
    axes.plot(epochs, [float(row["loss"]) for row in rows], color=PALE, label="training, of noisy slices")
    axes.plot(epochs, [float(row["val_loss"]) for row in rows], color=INK, label="validation, slices without a tumor")
    best = min(rows, key=lambda row: float(row["val_loss"]))
    axes.plot([int(best["epoch"])], [float(best["val_loss"])], "o", color=ACCENT, label="kept")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, format="png")


def draw_histograms(evaluation: Evaluation, path: Path) -> None:
    """Draw both measures and the score, of slices without a tumor and of tumors, and the limits of the score."""
    values = np.array([analysis.output.measures for analysis in evaluation.analyses], np.float64)
    card = evaluation.module.card
    figure = sheet("Measures of slices without a tumor and of tumors", f"n = {len(values)} scans")
    panels = figure.subplots(3, 1)
    for axes, (_, text), column in zip(panels, MEASURES, values.T, strict=False):
        _histogram(axes, column, evaluation, f"{text}, standard deviations of training slices")
    _histogram(panels[2], values.mean(axis=1), evaluation, "score, the mean of both")
    for name, ink in (("uncertain_from", PALE), ("threshold", ACCENT)):
        score = score_at(card.decision.at(name), card.calibration)
        label = "borderline from" if name == "uncertain_from" else "anomaly from"
        panels[2].axvline(score, color=ink, linestyle="--", label=f"{label} {score:.2f}")
    panels[2].legend()
    figure.savefig(path, format="png")


def _histogram(axes: Axes, values: NDArray[np.float64], evaluation: Evaluation, text: str) -> None:
    low, high = np.quantile(values, [0.002, 0.998]).tolist()
    edges = np.linspace(low, high, BINS + 1)
    tumor = is_tumor(evaluation.samples)
    for chosen, ink, label in ((~tumor, INK, "without a tumor"), (tumor, ACCENT, "tumor")):
        axes.hist(np.clip(values[chosen], low, high), edges, density=True, alpha=0.5, color=ink, label=label)
    axes.set(xlabel=text, ylabel="Density")
    axes.legend()


def draw_samples(module: AnalysisModule, weights: Path, path: Path) -> None:
    """Draw the samples, and painted copies of the healthy one: as they go in, redrawn, and where the error is large."""
    network = autoencoder.build()
    read_weights(network, weights)
    healthy, lesion = (
        read_scan((SAMPLES / name).read_bytes()).pixels for name in ("brain-axial.png", "brain-axial-lesion.png")
    )
    painted = [paint_lesion(healthy, np.random.default_rng(seed)) for seed in range(PAINTED)]
    slices = [healthy, lesion, *painted]
    figure = sheet("Before, redrawn, and where the error is unusual", "Template brains of samples/, no patients")
    columns = figure.subplots(3, len(slices), squeeze=False)
    for column, pixels in zip(columns.T, slices, strict=True):
        model_input = crop_to_head(pixels, autoencoder.SIDE)
        output = module.run(model_input)
        image, _ = autoencoder.standardise(model_input.pixels[None, :, :, None].astype(np.float32))
        drawn, *_ = autoencoder.redraw(network, image)
        decision = module.decide(output)
        column[0].imshow(image[0, :, :, 0], cmap="gray", vmin=0, vmax=1)
        column[0].set_title(f"{decision.label}\nP(Anomaly) {output.probabilities[0]:.2f}", fontsize=10)
        column[1].imshow(drawn[0, :, :, 0], cmap="gray", vmin=0, vmax=1)
        column[2].imshow(output.heatmaps[:, :, 0], cmap="magma", vmin=0)
    for axes in columns.ravel():
        axes.set_axis_off()
    figure.savefig(path, format="png")
