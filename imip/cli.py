"""The command line, `imip`. Heavy libraries are imported by the command that needs them."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imip.commands import dashboards, drift, log, settings

if TYPE_CHECKING:
    from keras import Sequential

    from training.dataset import Sample
    from training.split import Dataset

ROOT = Path(__file__).parent.parent
WEIGHTS = ROOT / "training" / "weights" / "brain-tumor.npz"
ARTIFACT = ROOT / "models" / "brain-tumor"

app = typer.Typer(no_args_is_help=True, add_completion=False, help="IMIP's workshop. For research and teaching only.")
app.add_typer(log.log, name="log")
app.add_typer(drift.drift, name="drift")
app.add_typer(log.report, name="report")
app.add_typer(dashboards.dashboards, name="dashboards")
app.command()(log.performance)
app.command()(settings.settings)


class Trainable(StrEnum):
    """Modules that can be trained."""

    BRAIN_TUMOR = "brain-tumor"


Data = Annotated[Path, typer.Option(exists=True, file_okay=False, help="folder with one folder of scans a class")]
Module = Annotated[Trainable, typer.Argument(help="analysis module")]
Run = Annotated[Path, typer.Option(help="folder of the training run; a run in it is resumed")]
Original = Annotated[bool, typer.Option("--original-split", help="use the data set's own, leaky folders")]


@app.command()
def split(
    module: Module, data: Data, check: Annotated[bool, typer.Option(help="compare, write nothing")] = False
) -> None:
    """Group near-duplicates and write the manifest of the 70/15/15 split."""
    from training.split import MANIFEST, make_manifest, read_manifest, write_manifest

    entries = make_manifest(_samples(data))
    if not check:
        write_manifest(entries, MANIFEST)
    elif {entry.sha256: entry for entry in entries} != read_manifest(MANIFEST):
        raise typer.Exit(_say("The committed manifest differs from what these files give."))
    groups = len({entry.group for entry in entries})
    typer.echo(f"{len(entries)} files in {groups} groups: {MANIFEST.name}")


@app.command()
def train(
    module: Module,
    data: Data,
    run: Run = Path("runs/brain-tumor"),
    original: Original = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="at most, in each stage")] = None,
) -> None:
    """Train, export, prove parity and add the version to the model store."""
    from serving import store
    from training import stages
    from training.export import write_weights

    dataset = _dataset(data, original)
    shortened = [replace(stage, epochs=min(stage.epochs, epochs or stage.epochs)) for stage in stages.STAGES]
    network = stages.train(dataset, run, shortened)
    write_weights(network, run / "weights.npz")
    _export(network, dataset, run / "artifact")
    typer.echo(f"Added to the model store: {store.add(run / 'artifact')}")


@app.command()
def export(
    module: Module,
    data: Data,
    weights: Annotated[Path, typer.Option(help="trained weights, by default the shipped ones")] = WEIGHTS,
    out: Annotated[Path, typer.Option(help="artifact folder to write")] = ARTIFACT,
    original: Original = False,
) -> None:
    """Calibrate on the validation part, write the one-pass graph and prove it against Keras."""
    from training import brain_tumor
    from training.export import read_weights

    network = brain_tumor.build()
    read_weights(network, weights)
    _export(network, _dataset(data, original), out)


@app.command()
def evaluate(
    module: Module,
    data: Data,
    artifact: Annotated[Path, typer.Option(help="artifact to judge")] = ARTIFACT,
    out: Annotated[Path | None, typer.Option(help="folder for plots")] = None,
    leaky: Annotated[Path | None, typer.Option(help="artifact trained on the original split, to report beside")] = None,
    films: Annotated[Path | None, typer.Option(help="PneumoniaMNIST's archive, as foreign input")] = None,
    write_card: Annotated[bool, typer.Option("--write-card", help="write the figures into the card")] = False,
) -> None:
    """Judge an artifact: on the manifest's test part, or on all scans of a folder of your own."""
    from training import measuring

    samples = _samples(data)
    if write_card and not measuring.are_in_manifest(samples):
        raise typer.Exit(_say("A card's figures are those of the manifest's test part; these scans are not of it."))
    measured = measuring.measure(artifact, samples)
    typer.echo(measured.text)
    if out is not None:
        measured.draw(out)
    if write_card:
        measuring.write_figures(measured, samples, leaky=leaky, films=films)


def _samples(data: Path) -> "list[Sample]":
    from tqdm import tqdm

    from training.dataset import load

    try:
        samples, unreadable = load(data, lambda files: tqdm(list(files), desc="reading scans", unit="scan"))
    except FileNotFoundError as fault:
        raise typer.Exit(_say(str(fault))) from fault
    if unreadable:
        _say(f"{unreadable} files could not be read and are left out.")
    if not samples:
        raise typer.Exit(_say("No file could be read."))
    return samples


def _dataset(data: Path, original: bool) -> "Dataset":
    from training.split import divide

    try:
        dataset = divide(_samples(data))
    except KeyError as fault:
        raise typer.Exit(_say("Some scans are not in the manifest; `imip split` makes one for your data.")) from fault
    return dataset.as_published() if original else dataset


def _export(network: "Sequential", dataset: "Dataset", out: Path) -> None:
    from training.artifact import export

    parity = export(network, dataset, out)
    typer.echo(
        f"{out}: probabilities within {parity.probability_difference:.1e} of Keras, "
        f"heatmaps correlate at {parity.heatmap_correlation:.6f}"
    )
    if not parity.holds:
        raise typer.Exit(_say("The served graph does not agree with Keras; do not ship it."))


def _say(message: str) -> int:
    typer.echo(message, err=True)
    return 1
