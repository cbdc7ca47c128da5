"""One artifact judged on one folder of scans, and what is written of it: text, plots, card and card page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imip.model import CARD, Model, load
from training import card_page, pipeline
from training.dataset import load as load_samples
from training.evaluation import Report, Scored, table
from training.foreign import flagged_share, flagged_shares
from training.groups import group
from training.pipeline import Track
from training.plots import write_plots
from training.split import read_manifest

PAGES = Path("docs") / "models"


@dataclass(frozen=True, slots=True)
class Measured:
    """An artifact and how it did."""

    artifact: Path
    model: Model
    scored: Scored
    report: Report

    @property
    def text(self) -> str:
        return f"{self.model.card.title}, version {self.model.card.version}\n\n{table(self.report)}"

    def draw(self, folder: Path) -> None:
        write_plots(self.scored, self.report, folder)


def measure(artifact: Path, data: Path, track: Track) -> Measured:
    """Judge an artifact on the test part of the manifest's data set, or on every readable scan of another folder.

    Raises ArtifactError if the artifact is damaged, FileNotFoundError if the folder holds no labelled scan.
    """
    model = load(artifact)
    samples, _ = load_samples(data, track)
    if {sample.digest for sample in samples} & read_manifest(pipeline.MANIFEST).keys():
        dataset = pipeline.open_dataset(data, iter)
        samples = dataset.part("test")
        groups = dataset.groups(samples)
    else:
        groups = group(samples)
    return Measured(artifact, model, *pipeline.judge(model, samples, groups))


def leak(artifact: Path, data: Path, track: Track) -> dict[str, Report]:
    """Judge an artifact that was trained on the data set's own Training folder on its Testing folder.

    `original` is the whole folder, `original_new` those of its scans that share no group with Training: the
    difference is what the leak is worth.
    """
    model = load(artifact)
    dataset = pipeline.open_dataset(data, track, original=True)
    test = dataset.part("test")
    known = set(dataset.groups(dataset.part("train") + dataset.part("validation")).tolist())
    new = [sample for sample in test if dataset.entries[sample.digest].group not in known]
    return {
        name: pipeline.judge(model, samples, dataset.groups(samples))[1]
        for name, samples in (("original", test), ("original_new", new))
    }


def write_card(measured: Measured, *, data: Path, leaky: Path | None, films: Path | None, track: Track) -> None:
    """Write the figures into the artifact's card, and the card as a page with its plots."""
    model = measured.model
    test = pipeline.open_dataset(data, track).part("test")
    figures: dict[str, Any] = {
        "command": "imip evaluate brain-tumor --data DIR --leaky DIR --films FILE --write-card",
        "test": measured.report.as_dict(),
        "out_of_distribution": {
            "held-out brain scans": round(flagged_share(model, (sample.pixels for sample in test)), 4),
            **flagged_shares(model, films),
        },
    }
    if leaky is not None:
        figures |= {name: report.as_dict() for name, report in leak(leaky, data, track).items()}
    card = model.card.model_copy(update={"metrics": figures})
    card.write(measured.artifact / CARD)
    plots = PAGES / card.module
    measured.draw(plots)
    (PAGES / f"{card.module}.md").write_text(card_page.render(card, card.module), encoding="utf-8")
