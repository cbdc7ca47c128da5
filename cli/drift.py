"""`imip drift`: check now, take another reference, cause a drift on purpose."""

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.log import DETECTORS, TOO_FEW, Module, Since, Until, checker_of, need, utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.drift.checks import Result
    from monitoring.drift.reference import Reference

drift = typer.Typer(no_args_is_help=True, help="Have the scans changed?")

DRIFTED = 3  # exit status


@drift.command()
def check(module: Module = "brain-tumor", since: Since = None, until: Until = None) -> None:
    """Compare the newest predictions with the reference now. Exits with 3 if they have drifted."""
    from monitoring.drift import checks
    from monitoring.log.queries import Filter

    need(*DETECTORS)
    engine, checker = checker_of(module)
    comparison = checker.compare("manual", Filter(since=utc(since), until=utc(until)))
    if comparison is None:
        raise typer.Exit(_say(TOO_FEW))
    found = comparison.check
    checks.keep(engine, found)
    typer.echo(f"{found.window_size} independent predictions of {found.window_rows}, {found.since} to {found.until},")
    typer.echo(f"against reference {found.reference} of {found.reference_size}:\n{_table(found.detectors)}")
    if found.drifted:
        raise typer.Exit(DRIFTED)


@drift.command()
def reference(
    module: Module = "brain-tumor",
    since: Annotated[datetime | None, typer.Option("--from", help="first moment of the predictions, UTC")] = None,
    until: Until = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="go back to the one that the artifact brings")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Measure drift from logged predictions from now on, or from the artifact's own reference again."""
    from monitoring.drift.reference import store
    from monitoring.log.queries import Filter

    if shipped == (since is not None):
        raise typer.BadParameter("Name either the first moment with --from, or --shipped.")
    need(*DETECTORS)
    engine, checker = checker_of(module)
    used = checker.reference()
    made = checker.artifact if shipped else checker.logged(Filter(since=utc(since), until=utc(until)))
    if made is None:
        raise typer.Exit(_say("Too few independent predictions for a reference."))
    typer.echo(f"In use: {_described(used)}\nNew:    {_described(made)}")
    typer.echo(f"The new one, seen from the one in use:\n{_table(checker.results(used, made.predictions))}")
    if not yes:
        typer.confirm("What is like the new one counts as normal from now on. Use it?", abort=True)
    store(engine, checker.card, made)
    typer.echo("In use from the next check on; the earlier ones stay in the log.")


@drift.command()
def kinds() -> None:
    """List the drifts that can be simulated, with what their severities 1 to 5 mean."""
    from monitoring.drift.simulation.scenarios import KINDS, describe

    for kind in KINDS:
        typer.echo(f"{kind:18} {describe(kind)}")


@drift.command()
def simulate(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="folder of scans")],
    kind: Annotated[list[str], typer.Option(help="which drift, see `imip drift kinds`; may be repeated")],
    severity: Annotated[list[int], typer.Option(min=1, max=5, help="may be repeated")],
    module: Module = "brain-tumor",
    url: Annotated[str, typer.Option(help="send the scans to this server; else a table is computed")] = "",
    rate: Annotated[float, typer.Option(min=0.01, help="scans a second, to a server")] = 5.0,
    duration: Annotated[float, typer.Option(min=1, help="seconds, to a server")] = 120.0,
    count: Annotated[int, typer.Option(min=20, help="scans, without a server")] = 200,
    seed: Annotated[int, typer.Option(help="the same seed gives the same scans")] = 0,
) -> None:
    """Cause drifts on purpose: as a table of what the detectors say, or as traffic that should raise an alert."""
    import numpy as np

    from monitoring.drift.simulation.load_generator import read_folder, traffic

    scans, skipped = read_folder(folder)
    typer.echo(f"{len(scans)} scans; {skipped} files hold no readable scan and are left out.", err=True)
    if not scans:
        raise typer.Exit(1)
    for one in kind:
        for level in severity:
            number = math.ceil(rate * duration) if url else count
            try:
                stream = traffic(scans, one, level, number, np.random.default_rng(seed))
                if url:
                    _send_drift(stream, number, f"{one} {level}", module, url, rate, duration)
                else:
                    _check_here(stream, number, f"{one} {level}", module)
            except ValueError as fault:
                raise typer.BadParameter(str(fault)) from fault


def _send_drift(
    stream: "Iterator[bytes]", number: int, name: str, module: str, url: str, rate: float, seconds: float
) -> None:
    import httpx
    from tqdm import tqdm

    from monitoring.drift.simulation.load_generator import DriftWatcher, Pace, Tally, send

    watcher = DriftWatcher(url, module)
    with tqdm(total=number, desc=name, unit="scan") as bar:

        def track(_: Tally) -> None:
            bar.set_postfix(drifted=watcher.poll(), refresh=False)
            bar.update()

        try:
            tally = send(url, stream, module=module, pace=Pace(rate), seconds=seconds, track=track)
        except httpx.TransportError as fault:
            raise typer.Exit(_say(f"The server does not answer: {type(fault).__name__}.")) from fault
    turned = watcher.turned_after
    typer.echo(f"{tally.sent} scans sent; answers {dict(tally.statuses)}, labels {dict(tally.labels)}")
    typer.echo(f"verdict: {watcher.verdict}" if turned is None else f"verdict: drift, after {turned:.0f} s")


def _check_here(stream: "Iterator[bytes]", number: int, name: str, module: str) -> None:
    from tqdm import tqdm

    from imip.inference.predictor import analyse
    from monitoring.drift.arrays import PredictionArrays
    from monitoring.drift.near_duplicates import independent_rows
    from serving.drift_monitor import served

    need(*DETECTORS)
    _, checker = checker_of(module)
    used, model = checker.reference(), served(module)
    scans = tqdm(stream, total=number, desc=name, unit="scan")
    predictions = PredictionArrays.of((analyse(scan, model).prediction for scan in scans), used.predictions.names)
    predictions = predictions.take(independent_rows(predictions, used.near_duplicate_limits))
    few = len(predictions) < 2  # a scatter takes two
    result = "Too few to say anything." if few else _table(checker.results(used, predictions))
    typer.echo(f"{name}: {len(predictions)} independent predictions of {number}\n{result}")


def _described(reference: "Reference") -> str:
    origin = f"predictions from {reference.since} to {reference.until}" if reference.since else "the artifact's own"
    return f"{reference.version}, {len(reference.predictions)} independent predictions, {origin}"


def _table(results: "Sequence[Result]") -> str:
    lines = [f"{'detector':10} {'statistic':>10} {'threshold':>10} {'p-value':>8}  verdict"]
    for result in results:
        verdict = "drift" if result.drifted else "-"
        lines.append(
            f"{result.detector:10} {result.statistic:10.4f} {result.threshold:10.4f} {result.p_value:8.4f}  {verdict}"
        )
    shifts = [shift for result in results for shift in result.features if shift.drifted]
    return "\n".join([*lines, f"shifted features: {', '.join(shift.name for shift in shifts) or 'none'}"])


def _say(message: str) -> int:
    typer.echo(message, err=True)
    return 1
