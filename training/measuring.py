"""One artifact judged on one folder of scans, and what is written of it: text, plots, card and card page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imip.framing import frame
from imip.model import CARD, Model, load
from training import card_page
from training.calibration import OperatingPoint
from training.dataset import Sample
from training.evaluation import Report, Scored, evaluate, table
from training.foreign import flagged_share, flagged_shares
from training.groups import group
from training.plots import write_plots
from training.split import MANIFEST, Dataset, divide, read_manifest

PAGES = Path(__file__).parent.parent / "docs" / "models"
COMMAND = "imip evaluate brain-tumor --data DIR --leaky DIR --films FILE --write-card"


@dataclass(frozen=True, slots=True)
class Measured:
    """An artifact and how it did on some scans."""

    artifact: Path
    model: Model
    samples: Sequence[Sample]
    scored: Scored
    report: Report

    @property
    def text(self) -> str:
        return f"{self.model.card.title}, version {self.model.card.version}\n\n{table(self.report)}"

    def draw(self, folder: Path) -> None:
        write_plots(self.scored, self.report, folder)


def measure(artifact: Path, samples: Sequence[Sample]) -> Measured:
    """Judge an artifact on the test part, if all samples are of the manifest's data set, else on all of them.

    Raises ArtifactError if the artifact is damaged.
    """
    model = load(artifact)
    if are_in_manifest(samples):
        dataset = divide(samples)
        chosen = dataset.part("test")
        groups = dataset.groups(chosen)
    else:
        chosen, groups = list(samples), group(samples)
    return Measured(artifact, model, chosen, *judge(model, chosen, groups))


def are_in_manifest(samples: Sequence[Sample]) -> bool:
    """Tell whether all samples are of the data set that the manifest divides."""
    return {sample.digest for sample in samples} <= read_manifest(MANIFEST).keys()


def judge(model: Model, samples: Sequence[Sample], groups: NDArray[np.int64]) -> tuple[Scored, Report]:
    """Run samples through the served graph and evaluate them at its card's operating point."""
    outputs = [model.run(frame(sample.pixels, model.card.input.side).input) for sample in samples]
    scored = Scored(
        probability=np.array([float(output.probabilities[0]) for output in outputs]),
        is_tumor=np.array([sample.is_tumor for sample in samples]),
        class_name=np.array([sample.class_name for sample in samples]),
        group=groups,
    )
    decision = model.card.decision
    return scored, evaluate(scored, OperatingPoint(decision.threshold, decision.uncertain_from, decision.uncertain_to))


def leak(artifact: Path, dataset: Dataset) -> dict[str, Report]:
    """Judge an artifact that was trained on the data set's own Training folder on its Testing folder.

    `original` is the whole folder, `original_new` those of its scans that share no group with Training: the
    difference is what the leak is worth.
    """
    model, published = load(artifact), dataset.as_published()
    test = published.part("test")
    known = set(published.groups(published.part("train") + published.part("validation")).tolist())
    new = [sample for sample in test if published.entries[sample.digest].group not in known]
    return {
        name: judge(model, samples, published.groups(samples))[1]
        for name, samples in (("original", test), ("original_new", new))
    }


def write_figures(measured: Measured, samples: Sequence[Sample], *, leaky: Path | None, films: Path | None) -> None:
    """Write the figures of the test part into the artifact's card, and the card as a page with its plots."""
    model = measured.model
    figures: dict[str, Any] = {
        "command": COMMAND,
        "test": measured.report.as_dict(),
        "out_of_distribution": {
            "held-out brain scans": round(flagged_share(model, (sample.pixels for sample in measured.samples)), 4),
            **flagged_shares(model, films),
        },
    }
    if leaky is not None:
        figures |= {name: report.as_dict() for name, report in leak(leaky, divide(samples)).items()}
    card = model.card.model_copy(update={"metrics": figures})
    card.write(measured.artifact / CARD)
    measured.draw(PAGES / card.module)
    (PAGES / f"{card.module}.md").write_text(card_page.render(card, card.module), encoding="utf-8")
