"""`imip score`: a folder of scans as a table of what a module says of them."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.log import Module, need

if TYPE_CHECKING:
    from imip.batch.checkpoint import Checkpoint
    from imip.batch.scoring import Scoring
    from imip.inference.card import Card
    from imip.settings import Settings
    from imip.table import Format

FORMATS: "dict[str, Format]" = {".parquet": "parquet", ".csv": "csv"}
MOST_NAMED = 10  # files that could not be scored; the results name all
INTERRUPTED = 130  # exit status, as shells have it

Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="folder of scans, hidden files left out")]
Results = Annotated[
    Path, typer.Option(dir_okay=False, help="results to write, .csv or, with the extra `report`, .parquet")
]
Version = Annotated[str | None, typer.Option(help="in the model store; by default the one that would be served")]
Count = Annotated[int | None, typer.Option("--workers", min=1, help="processes; by default one a core")]
AnyModality = Annotated[
    bool, typer.Option("--any-modality", help="score scans of modalities that the module is not for, too")
]
Restart = Annotated[bool, typer.Option("--restart", help="begin anew, whatever results there are")]


def score(
    folder: Folder,
    out: Results,
    module: Module = "brain-tumor",
    version: Version = None,
    workers: Count = None,
    any_modality: AnyModality = False,
    restart: Restart = False,
) -> None:
    """Score every scan in and below a folder. Run again, it goes on where it was ended.

    Of a scan of several frames the middle one is scored. Files that cannot be are named with the reason, here and in
    the results. Exits with 1 if none could be.
    """
    from imip.batch.checkpoint import Checkpoint, CheckpointRefused
    from imip.batch.scoring import Scoring
    from imip.batch.workers import WorkersFailed
    from imip.errors import ArtifactError
    from imip.inference.artifact import read_card
    from imip.settings import Settings

    format, partial = _format(out), out.with_name(f"{out.name}.part")
    if out.exists() and not partial.exists() and not restart:
        raise typer.Exit(_say(f"{out} is there already; --restart makes it anew."))
    settings = Settings()
    try:
        artifact = _artifact(settings, module, version)
        card = read_card(artifact)
        scoring = Scoring(folder.resolve(), artifact, settings.limits, settings.burned_in, any_modality)
        with Checkpoint(partial, _terms(scoring, card), restart) as checkpoint:
            status = _run(checkpoint, scoring, card, workers or _cores(), out, format)
    except (ArtifactError, CheckpointRefused, OSError, WorkersFailed) as fault:
        raise typer.Exit(_say(str(fault))) from fault
    except sqlite3.Error as fault:
        raise typer.Exit(_say(f"{partial} cannot be written: {fault}.")) from fault
    if status != INTERRUPTED:
        partial.unlink()
    raise typer.Exit(status)


def _format(out: Path) -> "Format":
    try:
        format = FORMATS[out.suffix.lower()]
    except KeyError:
        raise typer.BadParameter("The results' name ends in .parquet or .csv.", param_hint="--out") from None
    if format == "parquet":
        need("pyarrow", "report")
    return format


def _artifact(settings: "Settings", module: str, version: str | None) -> Path:
    """Return the folder of a version, whether or not the settings enable its module."""
    from imip.modules import MODULES
    from serving import model_store

    if module not in MODULES:
        raise typer.BadParameter(f"no such module; there are: {', '.join(MODULES)}", param_hint="--module")
    versions = settings.model_versions | ({module: version} if version else {})
    tags = model_store.pinned(settings.model_copy(update={"modules": (module,), "model_versions": versions}))
    return model_store.folder(tags[module])


def _terms(scoring: "Scoring", card: "Card") -> dict[str, str]:
    """What all rows of one table have in common; a card's thresholds may change under the same version."""
    thresholds = card.decision.thresholds | {"out_of_distribution": card.out_of_distribution.threshold}
    return {
        "folder": os.fsencode(scoring.folder).decode("utf-8", errors="backslashreplace"),
        "module": card.module,
        "model version": card.version,
        "thresholds": ", ".join(f"{name} {value}" for name, value in sorted(thresholds.items())),
        "burned-in annotation": scoring.burned_in,
        "any modality": "yes" if scoring.any_modality else "no",
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(checkpoint: "Checkpoint", scoring: "Scoring", card: "Card", workers: int, out: Path, format: "Format") -> int:
    """Return the exit status."""
    from imip.batch import scoring as batch
    from imip.table import write_table

    try:
        checkpoint.find(batch.find(scoring.folder, out))
        if not checkpoint.total:
            return _say(f"{scoring.folder} holds no file.")
        _score_waiting(checkpoint, scoring, workers)
        written = checkpoint.file.with_name(f"{checkpoint.file.name}-table")
        write_table(batch.results(checkpoint, card), batch.columns(card), written, format)
        written.replace(out)
    except KeyboardInterrupt:
        _say(
            f"Interrupted. {checkpoint.done} of {checkpoint.total} files are done; the same command goes on from there."
        )
        return INTERRUPTED
    return _report(checkpoint, out)


def _score_waiting(checkpoint: "Checkpoint", scoring: "Scoring", count: int) -> None:
    from tqdm import tqdm

    from imip.batch.scoring import DIED
    from imip.batch.workers import Workers

    done, total = checkpoint.done, checkpoint.total
    if done:
        _say(f"{done} of {total} files are done already.")
    workers = Workers(scoring, count)
    with (
        tqdm(total=total, initial=done, desc=checkpoint.file.stem, unit="file", disable=None) as bar,
        closing(workers.over(checkpoint.waiting())) as scored,
    ):
        for path, row in scored:
            checkpoint.enter(path, DIED if row is None else row)
            bar.update()
    if workers.deaths:
        _say(f"{workers.deaths} times a worker process was killed; what it held was done again.")


def _report(checkpoint: "Checkpoint", out: Path) -> int:
    from imip.batch.scoring import shown

    errors, total = checkpoint.errors(), checkpoint.total
    failed = errors.total()
    typer.echo(f"{total - failed} of {total} files scored: {out}")
    if failed:
        _say(f"{failed} could not be: {', '.join(f'{count} {error}' for error, count in errors.most_common())}")
        for path, error in checkpoint.failed(MOST_NAMED):
            _say(f"  {shown(path)}: {error}")
        if failed > MOST_NAMED:
            _say(f"  and {failed - MOST_NAMED} more, in the results' column `error`")
    if errors["wrong modality"]:
        _say("--any-modality scores scans of another modality too; it takes --restart.")
    return 1 if failed == total else 0


def _say(message: str) -> int:
    typer.echo(message, err=True)
    return 1
