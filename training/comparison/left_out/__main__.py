"""Train every variant and rival without a source, judge them on it, and write the page."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.comparison.left_out.measuring import peak_on_lesion, row
from training.comparison.left_out.page import PAGE, render
from training.comparison.left_out.rivals import by_features, by_mobilenet
from training.comparison.left_out.variants import EPOCHS, VARIANTS, Variant
from training.data.samples import Sample
from training.data.split import Dataset
from training.evidence import training
from training.evidence.network import EVIDENCE, SCAN, build
from training.evidence.shapes import SIDE
from training.networks.weights import read_weights
from training.recipes import find
from training.recipes.brain_mri import head_inputs

RUNS: Final = Path("runs") / "left-out"
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


if __name__ == "__main__":
    main()
