"""`imip settings`: print the tables of settings for docs/reference/settings.md."""

from collections.abc import Callable
from typing import Any

import typer
from pydantic import BaseModel

from imip.settings import DriftSettings, Settings

MAX_NAMES = 8  # in one cell
HEADER = "| Setting | Default | What it does |\n|---|---|---|"


def settings() -> None:
    """Print every setting, its default and what it does, in Markdown."""
    typer.echo(server_table())
    typer.echo("\nOf each module in `IMIP_DRIFT`:\n")
    typer.echo(drift_table())


def server_table() -> str:
    """Return the table of settings that are environment variables."""
    prefix = Settings.model_config["env_prefix"]
    return _table(Settings, lambda name: f"{prefix}{name.upper()}")


def drift_table() -> str:
    """Return the table of settings of one module in `IMIP_DRIFT`."""
    return _table(DriftSettings, lambda name: name)


def _table(model: type[BaseModel], displayed_name: Callable[[str], str]) -> str:
    rows = [
        f"| `{displayed_name(name)}` | `{_default_text(field.get_default())}` | {field.description} |"
        for name, field in model.model_fields.items()
    ]
    return "\n".join([HEADER, *rows])


def _default_text(default: Any) -> str:
    if isinstance(default, tuple):
        return ", ".join(default) if len(default) <= MAX_NAMES else f"{len(default)} names"
    return str(default)
