"""`imip log`, `imip report` and `imip performance`: what was logged, as tables and pages."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from imip.settings import Settings
    from monitoring.drift.checker import DriftChecker
    from monitoring.performance.types import Interval

DETECTORS = ("alibi_detect", "monitor")  # the library that drift checks take, and the extra that brings it
TOO_FEW = "Too few independent predictions to say anything."

log = typer.Typer(no_args_is_help=True, help="The prediction log.")
report = typer.Typer(no_args_is_help=True, help="Pages to read and to keep.")

Module = Annotated[str, typer.Option(help="analysis module")]
Since = Annotated[datetime | None, typer.Option(help="first moment, UTC")]
Until = Annotated[datetime | None, typer.Option(help="moment after the last, UTC")]
Weeks = Annotated[int, typer.Option(min=1, help="how far back")]


class TableFormat(StrEnum):
    """Formats of an exported log."""

    PARQUET = "parquet"
    CSV = "csv"


@log.command("export")
def export_log(
    out: Annotated[Path, typer.Option(help="file to write")],
    format: Annotated[TableFormat, typer.Option(help="parquet needs the extra `report`")] = TableFormat.PARQUET,
    module: Annotated[str | None, typer.Option(help="analysis module; by default all")] = None,
    label: Annotated[str | None, typer.Option(help="label given; by default all")] = None,
    since: Since = None,
    until: Until = None,
    embeddings: Annotated[bool, typer.Option("--embeddings", help="with the embeddings")] = False,
) -> None:
    """Write logged predictions as a table."""
    from imip.settings import Settings
    from monitoring.log.export import export
    from monitoring.log.queries import Filter

    if format is TableFormat.PARQUET:
        need("pyarrow", "report")
    wanted = Filter(module, label, utc(since), utc(until))
    count = export(opened(Settings()), wanted, out, format.value, embeddings)
    typer.echo(f"{count} predictions: {out.name}")


@log.command()
def prune() -> None:
    """Delete what the retention settings no longer keep, as the drift monitor does by itself."""
    from imip.settings import Settings
    from monitoring.log import retention

    settings = Settings()
    deleted = retention.prune(opened(settings), settings.retention_days, settings.retention_rows)
    typer.echo(f"{deleted} rows deleted.")


@log.command()
def migrate() -> None:
    """Make the database or bring its schema up to date, as every server does when it starts."""
    from imip.settings import Settings

    opened(Settings())
    typer.echo("The schema is up to date.")


@report.command("drift")
def report_drift(
    out: Annotated[Path, typer.Option(help="HTML file to write")], module: Module = "brain-tumor", weeks: Weeks = 12
) -> None:
    """Check the newest predictions now and write a page about it. Needs the extras `monitor` and `report`."""
    from monitoring.reports import store

    need("evidently", "report")
    need(*DETECTORS)
    engine, checker = checker_of(module)
    comparison = checker.compare("manual")
    if comparison is None:
        typer.echo(TOO_FEW, err=True)
        raise typer.Exit(1)
    out.write_text(store.make(engine, checker.card, comparison, weeks), encoding="utf-8")
    check = comparison.check
    typer.echo(f"{check.window_size} predictions against {check.reference_size}: {out.name}")


def performance(module: Module = "brain-tumor", weeks: Weeks = 12) -> None:
    """Say how well a module did, by week and model version: measured on labels, estimated without."""
    from imip.settings import Settings
    from monitoring.performance.weekly import performance

    for week in performance(opened(Settings()), module, datetime.now(UTC) - timedelta(weeks=weeks)):
        typer.echo(f"Week of {week.week}, version {week.version}: {week.predictions} predictions")
        typer.echo(f"  estimated accuracy   {_interval(week.estimated_accuracy)}")
        typer.echo(f"  measured on {week.labelled} labels   {_interval(week.accuracy)}")
        for label in week.labels:
            typer.echo(
                f"  {label.label}: sensitivity {_interval(label.sensitivity)}, "
                f"false negative rate {_interval(label.false_negative_rate)}, precision {_interval(label.precision)}"
            )


def opened(settings: "Settings") -> "Engine":
    """Return the log, which these commands may be the first to open."""
    from monitoring.database import connect, migrate

    engine = connect(settings.database)
    migrate(engine)
    return engine


def checker_of(module: str) -> "tuple[Engine, DriftChecker]":
    """Return the log and the drift checker of a module; end the command if there is no such module."""
    from imip.errors import UnknownModule
    from serving import drift_monitor

    try:
        return drift_monitor.checker_of(module)
    except UnknownModule as fault:
        raise typer.BadParameter(str(fault)) from fault


def utc(moment: datetime | None) -> datetime | None:
    """Return a moment of the command line, which names no zone, as one in UTC."""
    return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC)


def need(library: str, extra: str) -> None:
    """End the command if a library is not installed, and name the extra that brings it."""
    if find_spec(library) is None:
        typer.echo(f"This takes {library}, which is not installed; the extra `{extra}` brings it.", err=True)
        raise typer.Exit(1)


def _interval(interval: "Interval | None") -> str:
    return "-" if interval is None else f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"
