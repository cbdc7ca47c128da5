"""The command line, `imip`. Heavy libraries are imported by the command that needs them."""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="IMIP's workshop. For research and teaching only.")


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
    from training import pipeline
    from training.split import read_manifest, write_manifest

    entries = pipeline.make_manifest(data, _track)
    if not check:
        write_manifest(entries, pipeline.MANIFEST)
    elif {entry.sha256: entry for entry in entries} != read_manifest(pipeline.MANIFEST):
        raise typer.Exit(_say("The committed manifest differs from what these files give."))
    groups = len({entry.group for entry in entries})
    typer.echo(f"{len(entries)} files in {groups} groups: {pipeline.MANIFEST.name}")


@app.command()
def train(
    module: Module,
    data: Data,
    run: Run = Path("runs/brain-tumor"),
    original: Original = False,
    epochs: Annotated[int | None, typer.Option(help="at most, in each stage")] = None,
) -> None:
    """Train, export, prove parity and add the version to the model store."""
    from serving import store
    from training import pipeline
    from training.export import write_weights

    dataset = pipeline.open_dataset(data, _track, original=original)
    stages = [replace(stage, epochs=min(stage.epochs, epochs or stage.epochs)) for stage in pipeline.STAGES]
    network = pipeline.train(dataset, run, stages)
    write_weights(network, run / "weights.npz")
    _export(network, dataset, run / "artifact")
    typer.echo(f"Added to the model store: {store.add(run / 'artifact')}")


@app.command()
def export(
    module: Module,
    data: Data,
    weights: Annotated[Path, typer.Option(help="trained weights, by default the shipped ones")] = Path(
        "training/weights/brain-tumor.npz"
    ),
    out: Annotated[Path, typer.Option(help="artifact folder to write")] = Path("models/brain-tumor"),
    original: Original = False,
) -> None:
    """Calibrate on the validation part, write the one-pass graph and prove it against Keras."""
    from training import brain_tumor, pipeline
    from training.export import read_weights

    network = brain_tumor.build()
    read_weights(network, weights)
    _export(network, pipeline.open_dataset(data, _track, original=original), out)


@app.command()
def evaluate(
    module: Module,
    data: Data,
    artifact: Annotated[Path, typer.Option(help="artifact to judge")] = Path("models/brain-tumor"),
    out: Annotated[Path | None, typer.Option(help="folder for plots")] = None,
    leaky: Annotated[Path | None, typer.Option(help="artifact trained on the original split, to report beside")] = None,
    films: Annotated[Path | None, typer.Option(help="PneumoniaMNIST's archive, as foreign input")] = None,
    write_card: Annotated[bool, typer.Option("--write-card", help="write the figures into the card")] = False,
) -> None:
    """Judge an artifact: on the manifest's test part, or on all scans of a folder that is not in the manifest."""
    from training import measuring

    measured = measuring.measure(artifact, data, _track)
    typer.echo(measured.text)
    if out is not None:
        measured.draw(out)
    if write_card:
        measuring.write_card(measured, data=data, leaky=leaky, films=films, track=_track)


def _export(network: object, dataset: object, out: Path) -> None:
    from training import pipeline

    parity = pipeline.export(network, dataset, out)  # type: ignore[arg-type]
    typer.echo(
        f"{out}: probabilities within {parity.probability_difference:.1e} of Keras, "
        f"heatmaps correlate at {parity.heatmap_correlation:.6f}"
    )
    if not parity.holds:
        raise typer.Exit(_say("The served graph does not agree with Keras; do not ship it."))


def _track(files: Iterable[tuple[Path, str]]) -> Iterable[tuple[Path, str]]:
    from tqdm import tqdm

    return tqdm(list(files), desc="reading scans", unit="scan")


def _say(message: str) -> int:
    typer.echo(message, err=True)
    return 1
