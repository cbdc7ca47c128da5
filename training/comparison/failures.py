"""The worst misses and false alarms of a brain module, as a picture to look at.

`python -m training.comparison.failures --data DATA --out FILE` takes the shipped artifact on the test part. With
`--leave-out SOURCE --artifact FOLDER` it takes the artifact that was trained without a source on all of that source.
Only slices of sources whose licence lets them be shown are drawn. They are scans of patients all the same, so the
picture is for looking at, and not committed.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.explain.explanation import explain
from imip.inference.predictor import Analysis, analyse
from imip.modules import load
from training.calibration import OperatingPoint
from training.data.samples import Sample
from training.evaluation.plots import sheet
from training.recipe import progress
from training.recipes import find
from training.recipes.brain_mri import is_tumor

SHOWN: Final = ("lgg-du", "lgg-ht", "healthy-t1")  # CC BY, with names of patients taken out by their publishers
EACH: Final = 10  # misses, and false alarms
ACROSS: Final = 5  # pictures


def main() -> None:
    """Find the failures, list them and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--module", default="brain-tumor", help="one whose first probability is that of a tumor")
    parser.add_argument("--artifact", type=Path, help="by default the shipped one")
    parser.add_argument("--leave-out", help="source to judge on, all of it")
    parser.add_argument("--out", type=Path, required=True, help="PNG file to write")
    options = parser.parse_args()
    recipe = find(options.module)
    dataset = recipe.divide(recipe.samples(options.data)[0])
    if options.leave_out:
        _, dataset = recipe.leave_out(dataset, options.leave_out)
    module = load(options.artifact or recipe.artifact)
    samples = [sample for sample in dataset.part("test") if sample.source in SHOWN]
    analyses = [analyse(sample.data, module) for sample in progress(samples)]
    probability = np.array([analysis.output.probabilities[0] for analysis in analyses])
    threshold = OperatingPoint.of(module.card.decision).threshold
    misses, alarms = worst(probability, is_tumor(samples), dataset.groups(samples), threshold)
    for row in [*misses, *alarms]:
        print(caption(samples[row], probability[row]))
    shown = {"missed": misses, "false alarm": alarms}
    draw({title: [(samples[row], analyses[row]) for row in rows] for title, rows in shown.items()}, options.out)


def worst(
    probability: NDArray[np.float64], tumor: NDArray[np.bool_], group: NDArray[np.int64], threshold: float
) -> tuple[list[int], list[int]]:
    """Return the rows, each of another group, of the surest misses and of the surest false alarms; all (n,)."""
    order = np.argsort(probability, kind="stable")
    missed = [row for row in order if tumor[row] and probability[row] < threshold]
    alarmed = [row for row in order[::-1] if not tumor[row] and probability[row] >= threshold]
    return _one_a_group(missed, group)[:EACH], _one_a_group(alarmed, group)[:EACH]


def _one_a_group(rows: Sequence[int], group: NDArray[np.int64]) -> list[int]:
    first = {int(group[row]): int(row) for row in reversed(rows)}
    return [int(row) for row in rows if first[int(group[row])] == row]


def caption(sample: Sample, probability: float) -> str:
    """Say what a slice is, without naming its file or patient."""
    origin = sample.origin
    kind = "" if origin is None else f"{origin.source} {origin.sequence or origin.plane or ''}".strip()
    size = "" if sample.lesion is None else f", lesion {np.count_nonzero(sample.lesion)} px"
    return f"{sample.class_name}, {kind}{size}: P(tumor) {probability:.2f}"


def draw(shown: Mapping[str, Sequence[tuple[Sample, Analysis]]], path: Path) -> None:
    """Draw overlays, by title, ACROSS in a line."""
    lines = [
        (title, cases[start : start + ACROSS])
        for title, cases in shown.items()
        for start in range(0, max(1, len(cases)), ACROSS)
    ]
    figure = sheet("The worst misses and false alarms", "TCGA-LGG and BRISC 2025, CC BY")
    figure.set_size_inches(3.2 * ACROSS, 3.6 * len(lines))
    grid = figure.subplots(len(lines), ACROSS, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    for (title, cases), columns in zip(lines, grid, strict=True):
        for axes, (sample, analysis) in zip(columns, cases, strict=False):
            axes.imshow(cv2.imdecode(np.frombuffer(explain(analysis).overlay, np.uint8), cv2.IMREAD_COLOR_RGB))
            axes.set_title(f"{title}: {caption(sample, analysis.output.probabilities[0])}", fontsize=8, wrap=True)
    figure.savefig(path, format="png")


if __name__ == "__main__":
    main()
