"""Train every variant and rival without a source, judge them on it, and write the page."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.comparison.left_out.rivals import by_features, by_mobilenet
from training.comparison.left_out.variants import VARIANTS, Variant
from training.data.samples import Sample
from training.data.split import Dataset
from training.evaluation.bootstrap import Estimate, Proportion, Statistic, estimates
from training.evaluation.measures import roc_auc
from training.evidence import training
from training.evidence.network import EVIDENCE, SCAN, build
from training.evidence.shapes import SIDE
from training.export.card_page import as_table
from training.networks.weights import read_weights
from training.recipe import ROOT
from training.recipes import find
from training.recipes.brain_evidence import in_input
from training.recipes.brain_mri import head_inputs, is_tumor

PAGE: Final = ROOT / "docs" / "explanation" / "ablation.md"
RUNS: Final = Path("runs") / "left-out"
EPOCHS: Final = 6  # a shorter training than the shipped one, the same for each variant
SEQUENCES: Final = ("flair", "t1", "t1c")
IMAGENET: Final = "mobilenetv2-0.35/teachable_machine.h5"  # below the data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--source", default="lgg-ht", help="that is left out and judged on")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    recipe = find("brain-tumor")
    samples, _ = recipe.samples(options.data)
    known, unknown = recipe.leave_out(recipe.divide(samples), options.source)
    judged = unknown.part("test")
    groups = unknown.groups(judged)
    rows = [row(each.title, *_answers(each, known, judged, options.source), judged, groups) for each in VARIANTS]
    nowhere = np.full(len(judged), np.nan)
    mobilenet = by_mobilenet(known, judged, RUNS / options.source / "mobilenet", options.data / IMAGENET)
    rows.append(row("MobileNetV2, pretrained on photographs, fine-tuned", mobilenet, nowhere, judged, groups))
    rows.append(row("logistic regression on the image features", by_features(known, judged), nowhere, judged, groups))
    page = render(rows, options.source)
    print(page)
    if options.write:
        PAGE.write_text(page, encoding="utf-8")


def render(rows: Sequence[Sequence[Any]], source: str) -> str:
    """Return the page of rows: title, AUC by sequence, then peak on tumor by sequence."""
    head = ["Trained", *(f"AUC {name}" for name in SEQUENCES), *(f"Peak on tumor {name}" for name in SEQUENCES)]
    return f"""\
# What each part of the training is worth

Written by `python -m training.comparison.left_out --data DATA --source {source} --write`. **Research and teaching only,
never for diagnosis.** Each network was trained without the source {source} for {EPOCHS} epochs, fewer than the shipped
one, and judged on all of it: tumor slices against tumor-free ones of the same patients and scanners. In brackets: 95%
intervals over patients. A dash: it points nowhere.

{as_table(head, rows)}
"""


def _answers(
    variant: Variant, known: Dataset, judged: Sequence[Sample], source: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a variant's score of each slice, and whether its peak lies on the tumor, nan without a mask, both (n,)."""
    learned = {sample.digest: sample for sample in variant.learns_from(known.samples)}
    kept = replace(known, samples=[learned[s.digest] for s in known.samples if s.digest in learned])
    run = RUNS / source / variant.name
    weights = training.train(kept, run, EPOCHS, changes=variant.changes, strongest=variant.strongest)
    network = build(strongest=variant.strongest)
    read_weights(network, weights)
    answers = network.predict(head_inputs(judged, SIDE), batch_size=64, verbose=0)
    maps = answers[EVIDENCE][..., 0]
    peaks = [peak_on_lesion(sample, evidence) for sample, evidence in zip(judged, maps, strict=True)]
    return answers[SCAN][:, 0].astype(np.float64), np.array(peaks)


def peak_on_lesion(sample: Sample, evidence: NDArray[np.float32]) -> float:
    if sample.lesion is None:
        return np.nan
    lesion = in_input(sample)
    row, column = np.unravel_index(int(evidence.argmax()), evidence.shape)
    step = lesion.shape[0] // evidence.shape[0]
    return float(lesion[row * step + step // 2, column * step + step // 2])


def row(
    title: str,
    score: NDArray[np.float64],
    peak: NDArray[np.float64],
    judged: Sequence[Sample],
    groups: NDArray[np.int64],
) -> list[Any]:
    sequence = np.array([sample.origin.sequence if sample.origin else "" for sample in judged])
    tumor = is_tumor(judged)
    found = {name: _measure(score, peak, tumor, groups, sequence == name) for name in SEQUENCES}
    return [title, *(found[name].get("auc") for name in SEQUENCES), *(found[name].get("peak") for name in SEQUENCES)]


def _measure(
    score: NDArray[np.float64],
    peak: NDArray[np.float64],
    tumor: NDArray[np.bool_],
    groups: NDArray[np.int64],
    among: NDArray[np.bool_],
) -> dict[str, Any]:
    statistics: dict[str, Statistic] = {
        "auc": lambda weights: roc_auc(score[among], tumor[among], weights),
        "peak": Proportion(peak[among] == 1, ~np.isnan(peak[among])),
    }
    found: dict[str, Estimate] = estimates(statistics, groups[among])
    return {name: estimate.as_dict() for name, estimate in found.items()}


if __name__ == "__main__":
    main()
