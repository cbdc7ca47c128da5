"""`imip settings`: every setting with its default, as the table that docs/reference/settings.md holds."""

from collections.abc import Callable
from typing import Any

import typer
from pydantic import BaseModel

from imip.settings import DriftSettings, Settings

MOST_NAMES = 5  # shown of a default
HEAD = "| Setting | Default | What it does |\n|---|---|---|"


def settings() -> None:
    """Print every setting, its default and what it does, in Markdown."""
    typer.echo(server_table())
    typer.echo("\nOf each module in `IMIP_DRIFT`:\n")
    typer.echo(drift_table())


def server_table() -> str:
    """Return the settings of the environment."""
    prefix = Settings.model_config["env_prefix"]
    return _table(Settings, lambda name: f"{prefix}{name.upper()}")


def drift_table() -> str:
    """Return the keys that a module may have in `IMIP_DRIFT`."""
    return _table(DriftSettings, lambda name: name)


def _table(model: type[BaseModel], spelled: Callable[[str], str]) -> str:
    rows = [
        f"| `{spelled(name)}` | `{_shown(field.get_default())}` | {field.description} |"
        for name, field in model.model_fields.items()
    ]
    return "\n".join([HEAD, *rows])


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ", ".join(default) if len(default) <= MOST_NAMES else f"{len(default)} names"
    return str(default)
