"""`imip dashboards`: write the Grafana dashboards, and draw them without a Grafana."""

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
    """Write grafana/dashboards/*.json from the code in dashboards/."""
    _need_checkout()
    need("grafana_foundation_sdk", EXTRA)
    from tools.dashboards import all_boards, text

    made = {f"{name}.json": text(board) for name, board in all_boards().items()}
    found = {file.name: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.json"))}
    differing = sorted(name for name in made.keys() | found.keys() if made.get(name) != found.get(name))
    if check and differing:
        typer.echo(
            f"Differ from what the code makes: {', '.join(differing)}. `imip dashboards build` writes them.", err=True
        )
        raise typer.Exit(1)
    for name in differing:
        (FOLDER / name).unlink(missing_ok=True)
        if name in made:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_text(made[name], encoding="utf-8", newline="\n")
    typer.echo(f"{len(made)} dashboards, {len(differing)} of them changed.")


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

    wanted = {name: board for name, board in all_boards().items() if dashboard in ("", board["uid"])}
    if not wanted:
        known = ", ".join(board["uid"] for board in all_boards().values())
        raise typer.BadParameter(f"There are: {known}.", param_hint="--dashboard")
    out.mkdir(parents=True, exist_ok=True)
    try:
        for name, board in wanted.items():
            draw(board, prometheus, minutes * 60, out / f"{name}.png")
            typer.echo(f"{name}.png")
    except httpx.HTTPError as fault:
        typer.echo(f"Prometheus does not answer: {type(fault).__name__}.", err=True)
        raise typer.Exit(1) from fault


def _need_checkout() -> None:
    """End the command where the code of the dashboards is not there: no wheel and no Bento has it."""
    if find_spec("tools") is None:
        typer.echo("Dashboards are made in a checkout of the repository; this installation is none.", err=True)
        raise typer.Exit(1)
