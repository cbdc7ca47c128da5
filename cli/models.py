"""The commands that make models: `imip split`, `train`, `export`, `evaluate` and `compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imip.errors import ArtifactError

if TYPE_CHECKING:
    from training.data.samples import Sample
    from training.data.split import Dataset
    from training.recipe import Recipe


def _known(name: str) -> str:
    from imip.modules import MODULES

    if name not in MODULES:
        raise typer.BadParameter(f"no such module; there are: {', '.join(MODULES)}")
    return name


Module = Annotated[str, typer.Argument(callback=_known, help="analysis module, such as brain-tumor")]
Data = Annotated[Path, typer.Option(exists=True, help="folder with one folder of scans a class, or archive of scans")]
Run = Annotated[
    Path | None, typer.Option(help="folder of the training run, by default below runs; a run in it is resumed")
]
LeftOut = Annotated[
    str | None, typer.Option("--leave-out", help="source that is not trained on, such as lgg-du: judge on it")
]


def split(
    module: Module, data: Data, check: Annotated[bool, typer.Option(help="compare, write nothing")] = False
) -> None:
    """Group near-duplicates and write the manifest of the 70/15/15 split."""
    from training.data.split import read_manifest, write_manifest

    recipe = _recipe(module)
    if recipe.divided_by != "us":
        raise typer.Exit(_say("This module's data set comes divided; there is no manifest to make."))
    samples = _samples(recipe, data)
    entries = recipe.split(samples)
    if not check:
        write_manifest(entries, recipe.manifest)
    elif {entry.sha256: entry for entry in entries} != read_manifest(recipe.manifest):
        raise typer.Exit(_say("The committed manifest differs from what these files give."))
    groups = len({entry.group for entry in entries})
    typer.echo(f"{len(entries)} files in {groups} groups: {recipe.manifest.name}")


def train(
    module: Module,
    data: Data,
    run: Run = None,
    leave_out: LeftOut = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="at most, in each stage")] = None,
) -> None:
    """Train, export, prove parity and, unless a source was left out, add the version to the model store."""
    from imip.inference.artifact import CARD, read_card
    from serving import model_store

    recipe = _recipe(module)
    source = None if leave_out is None else _source(recipe, leave_out)
    folder = run or _run(recipe, source)
    dataset = _dataset(recipe, data, begins=True)
    if source is not None:
        dataset, _ = recipe.leave_out(dataset, source)
    artifact = folder / "artifacts" / module
    try:
        weights = recipe.train(dataset, folder, epochs)
    except ArtifactError as fault:
        raise typer.Exit(_say(str(fault))) from fault
    _export(recipe, weights, dataset, artifact)
    if source is None:
        typer.echo(f"Added to the model store: {model_store.add(artifact)}")
    else:
        read_card(artifact).model_copy(update={"trained_without": source}).write(artifact / CARD)


def export(
    module: Module,
    data: Data,
    weights: Annotated[Path | None, typer.Option(help="trained weights, by default the shipped ones")] = None,
    out: Annotated[Path | None, typer.Option(help="artifact folder to write, by default models/MODULE")] = None,
) -> None:
    """Calibrate on the validation part, write the artifact and prove it against what was trained."""
    recipe = _recipe(module)
    _export(recipe, weights or recipe.weights, _dataset(recipe, data), out or recipe.artifact)


def evaluate(
    module: Module,
    data: Data,
    artifact: Annotated[Path | None, typer.Option(help="artifact to evaluate, by default models/MODULE")] = None,
    leave_out: LeftOut = None,
    out: Annotated[Path | None, typer.Option(help="folder for plots")] = None,
    films: Annotated[Path | None, typer.Option(help="PneumoniaMNIST's archive, as foreign input")] = None,
    write_card: Annotated[bool, typer.Option("--write-card", help="write the figures into the card")] = False,
) -> None:
    """Evaluate an artifact: on the manifest's test part, or on all scans of a folder of your own."""
    from training.data.split import all_for_test
    from training.export.figures import write_figures

    recipe = _recipe(module)
    if leave_out is not None:
        if out or films:
            raise typer.BadParameter("--out and --films are for the test part, not for a source left out")
        trained = artifact or _run(recipe, leave_out) / "artifacts" / module
        typer.echo(_evaluate_left_out(recipe, data, _source(recipe, leave_out), trained, write_card))
        return
    folder, samples = artifact or recipe.artifact, _samples(recipe, data)
    try:
        dataset = recipe.divide(samples)
    except KeyError as fault:
        if write_card:
            message = "A card's figures are those of the manifest's test part; these scans are not of it."
            raise typer.Exit(_say(message)) from fault
        dataset = all_for_test(samples, recipe.group(samples))
    evaluation = recipe.evaluate(folder, dataset)
    typer.echo(evaluation.text)
    if out is not None:
        recipe.draw(evaluation, out)
    if write_card:
        write_figures(recipe, evaluation, folder, films=films)


def compare(
    data: Data, write: Annotated[bool, typer.Option("--write", help="write the page and its figure")] = False
) -> None:
    """Evaluate all brain modules on the same test scans, and compare their answers."""
    from training.comparison import compare as comparison
    from training.comparison import page

    brain, others = comparison.shipped()
    if len(brain) < 2:
        raise typer.Exit(_say("There are fewer than two brain modules to compare."))
    dataset = _dataset(brain[0], data)
    compared = comparison.compare(comparison.evaluate(brain, dataset), others, dataset)
    typer.echo(page.render(compared))
    if write:
        page.write(compared)


def _evaluate_left_out(recipe: "Recipe", data: Path, source: str, artifact: Path, write_card: bool) -> str:
    from imip.inference.artifact import CARD, read_card
    from training.evaluation.by_source import HEAD, by_source
    from training.export.card_page import as_table
    from training.export.figures import write_left_out

    if not artifact.exists():
        command = f"imip train {recipe.module.name} --data {data} --leave-out {source}"
        raise typer.Exit(_say(f"No model was trained without {source}; make one by `{command}`."))
    if write_card and not (recipe.artifact / CARD).exists():
        raise typer.Exit(_say(f"There is no card to write into; make one by `imip export {recipe.module.name}`."))
    _, unknown = recipe.leave_out(_dataset(recipe, data), source)
    if not unknown.samples:
        raise typer.Exit(_say(f"None of these scans is of {source}."))
    if read_card(artifact).trained_without != source:
        raise typer.Exit(_say(f"This artifact was not made by a training without {source}."))
    observed = recipe.judge(artifact, unknown)
    if write_card:
        write_left_out(recipe, source, observed)
    return as_table(HEAD, by_source(observed))


def _source(recipe: "Recipe", name: str) -> str:
    if name not in recipe.sources:
        known = ", ".join(recipe.sources) or "none, as its data set is one"
        raise typer.BadParameter(f"no such source; this module's are: {known}")
    return name


def _run(recipe: "Recipe", left_out: str | None) -> Path:
    folder = Path("runs") / recipe.run_name
    return folder if left_out is None else folder.with_name(f"{folder.name}-without-{left_out}")


def _recipe(module: str) -> "Recipe":
    from training.recipes import find

    return find(module)


def _samples(recipe: "Recipe", data: Path) -> "list[Sample]":
    try:
        samples, unreadable = recipe.samples(data)
    except FileNotFoundError as fault:
        raise typer.Exit(_say(str(fault))) from fault
    if unreadable:
        _say(f"{unreadable} files could not be read and are left out.")
    if not samples:
        raise typer.Exit(_say("No file could be read."))
    return samples


def _dataset(recipe: "Recipe", data: Path, *, begins: bool = False) -> "Dataset":
    samples = _samples(recipe, data)
    if begins:
        recipe.begin(samples)
    try:
        return recipe.divide(samples)
    except KeyError as fault:
        raise typer.Exit(_say("Some scans are not in the manifest; `imip split` makes one for your data.")) from fault


def _export(recipe: "Recipe", weights: Path, dataset: "Dataset", out: Path) -> None:
    try:
        agreement = recipe.export(weights, dataset, out)
    except ArtifactError as fault:
        raise typer.Exit(_say(str(fault))) from fault
    typer.echo(f"{out}: {agreement}")


def _say(message: str) -> int:
    typer.echo(message, err=True)
    return 1
