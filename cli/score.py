"""`imip score`: analyse a folder of scans and write one row per scan to a table."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.log import Module, need

if TYPE_CHECKING:
    from imip.batch.checkpoint import Checkpoint
    from imip.batch.scoring import ScoringTask
    from imip.inference.card import Card
    from imip.settings import Settings
    from imip.table import Format

FORMATS: "dict[str, Format]" = {".parquet": "parquet", ".csv": "csv"}
MAX_SHOWN_FAILURES = 10  # printed; the results contain all
INTERRUPTED = 130  # exit status of shells after Ctrl+C

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
    from imip.batch.checkpoint import Checkpoint, CheckpointError
    from imip.batch.scoring import ScoringTask
    from imip.batch.workers import WorkersFailed
    from imip.errors import ArtifactError
    from imip.inference.artifact import read_card
    from imip.settings import Settings

    format, partial = _format(out), out.with_name(f"{out.name}.part")
    if out.exists() and not partial.exists() and not restart:
        raise typer.Exit(_print_error(f"{out} is there already; --restart makes it anew."))
    settings = Settings()
    try:
        artifact = _artifact(settings, module, version)
        card = read_card(artifact)
        task = ScoringTask(folder.resolve(), artifact, settings.limits, settings.burned_in, any_modality)
        with Checkpoint(partial, _run_parameters(task, card), restart) as checkpoint:
            status = _run(checkpoint, task, card, workers or _core_count(), out, format)
    except (ArtifactError, CheckpointError, OSError, WorkersFailed) as error:
        raise typer.Exit(_print_error(str(error))) from error
    except sqlite3.Error as error:
        raise typer.Exit(_print_error(f"{partial} cannot be written: {error}.")) from error
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
    """Return the artifact folder of a model version, even if the settings do not enable its module."""
    from imip.modules import MODULES
    from serving import model_store

    if module not in MODULES:
        raise typer.BadParameter(f"no such module; there are: {', '.join(MODULES)}", param_hint="--module")
    versions = settings.model_versions | ({module: version} if version else {})
    tags = model_store.pinned(settings.model_copy(update={"modules": (module,), "model_versions": versions}))
    return model_store.folder(tags[module])


def _run_parameters(task: "ScoringTask", card: "Card") -> dict[str, str]:
    """Return what all rows of one table have in common. Thresholds may change without a new model version."""
    thresholds = card.decision.thresholds | {"out_of_distribution": card.out_of_distribution.threshold}
    return {
        "folder": os.fsencode(task.folder).decode("utf-8", errors="backslashreplace"),
        "module": card.module,
        "model version": card.version,
        "thresholds": ", ".join(f"{name} {value}" for name, value in sorted(thresholds.items())),
        "burned-in annotation": task.burned_in,
        "any modality": "yes" if task.any_modality else "no",
    }


def _core_count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(checkpoint: "Checkpoint", task: "ScoringTask", card: "Card", workers: int, out: Path, format: "Format") -> int:
    """Score the files, write the results and return the exit status."""
    from imip.batch import scoring
    from imip.table import write_table

    try:
        checkpoint.update_files(scoring.find_files(task.folder, out))
        if not checkpoint.total:
            return _print_error(f"{task.folder} holds no file.")
        _score_pending(checkpoint, task, workers)
        table = checkpoint.file.with_name(f"{checkpoint.file.name}-table")
        write_table(scoring.results(checkpoint, card), scoring.columns(card), table, format)
        table.replace(out)
    except KeyboardInterrupt:
        _print_error(
            f"Interrupted. {checkpoint.done} of {checkpoint.total} files are done; the same command goes on from there."
        )
        return INTERRUPTED
    return _report(checkpoint, out)


def _score_pending(checkpoint: "Checkpoint", task: "ScoringTask", count: int) -> None:
    from tqdm import tqdm

    from imip.batch.scoring import WORKER_CRASHED
    from imip.batch.workers import WorkerPool

    done, total = checkpoint.done, checkpoint.total
    if done:
        _print_error(f"{done} of {total} files are done already.")
    workers = WorkerPool(task, count)
    with (
        tqdm(total=total, initial=done, desc=checkpoint.file.stem, unit="file", disable=None) as bar,
        closing(workers.map_unordered(checkpoint.pending())) as scored,
    ):
        for path, row in scored:
            checkpoint.save(path, WORKER_CRASHED if row is None else row)
            bar.update()
    if workers.crashes:
        _print_error(f"{workers.crashes} times a worker process was killed; what it held was done again.")


def _report(checkpoint: "Checkpoint", out: Path) -> int:
    from imip.batch.scoring import path_text

    errors, total = checkpoint.error_counts(), checkpoint.total
    failed = errors.total()
    typer.echo(f"{total - failed} of {total} files scored: {out}")
    if failed:
        _print_error(f"{failed} could not be: {', '.join(f'{count} {error}' for error, count in errors.most_common())}")
        for path, error in checkpoint.failures(MAX_SHOWN_FAILURES):
            _print_error(f"  {path_text(path)}: {error}")
        if failed > MAX_SHOWN_FAILURES:
            _print_error(f"  and {failed - MAX_SHOWN_FAILURES} more, in the results' column `error`")
    if errors["wrong modality"]:
        _print_error("--any-modality scores scans of another modality too; it takes --restart.")
    return 1 if failed == total else 0


def _print_error(message: str) -> int:
    """Print to stderr and return the exit status of a failure."""
    typer.echo(message, err=True)
    return 1
