"""`imip dashboards`: write the Grafana dashboards, and draw them without Grafana."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cli.log import need

dashboards = typer.Typer(no_args_is_help=True, help="What Grafana shows.")

EXTRA = "dashboards"
FOLDER = Path(__file__).parents[1] / "grafana" / "dashboards"


@dashboards.command()
def build(
    check: Annotated[bool, typer.Option("--check", help="compare, write nothing; exits with 1 if they differ")] = False,
) -> None:
    """Write grafana/dashboards/*.json from the code in tools/dashboards/."""
    _need_checkout()
    need("grafana_foundation_sdk", EXTRA)
    from tools.dashboards import all_boards, to_json

    generated = {f"{name}.json": to_json(board) for name, board in all_boards().items()}
    existing = {file.name: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.json"))}
    changed = sorted(name for name in generated.keys() | existing.keys() if generated.get(name) != existing.get(name))
    if check and changed:
        typer.echo(
            f"Differ from what the code makes: {', '.join(changed)}. `imip dashboards build` writes them.", err=True
        )
        raise typer.Exit(1)
    for name in changed:
        (FOLDER / name).unlink(missing_ok=True)
        if name in generated:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_text(generated[name], encoding="utf-8", newline="\n")
    typer.echo(f"{len(generated)} dashboards, {len(changed)} of them changed.")


@dashboards.command()
def render(
    prometheus: Annotated[str, typer.Option(help="address of a Prometheus that watches IMIP")],
    out: Annotated[Path, typer.Option(help="folder for the pictures", file_okay=False)],
    minutes: Annotated[float, typer.Option(min=1, help="time shown, up to now")] = 60.0,
    dashboard: Annotated[str, typer.Option(help="uid of one dashboard; by default all")] = "",
) -> None:
    """Draw the dashboards as pictures of what that Prometheus knows."""
    _need_checkout()
    need("matplotlib", EXTRA)
    import httpx

    from tools.dashboards import all_boards
    from tools.dashboards.drawing.render import draw

    selected = {name: board for name, board in all_boards().items() if dashboard in ("", board["uid"])}
    if not selected:
        uids = ", ".join(board["uid"] for board in all_boards().values())
        raise typer.BadParameter(f"There are: {uids}.", param_hint="--dashboard")
    out.mkdir(parents=True, exist_ok=True)
    try:
        for name, board in selected.items():
            draw(board, prometheus, minutes * 60, out / f"{name}.png")
            typer.echo(f"{name}.png")
    except httpx.HTTPError as error:
        typer.echo(f"Prometheus does not answer: {type(error).__name__}.", err=True)
        raise typer.Exit(1) from error


def _need_checkout() -> None:
    """Exit with an error if the code of the dashboards is missing: wheels and Bentos do not contain it."""
    if find_spec("tools") is None:
        typer.echo("Dashboards are made in a checkout of the repository; this installation is none.", err=True)
        raise typer.Exit(1)
