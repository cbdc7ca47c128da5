"""The command `imip`, called in the process of its test."""

from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from cli.app import app


def imip(*arguments: str | Path, answer: str | None = None) -> Result:
    """Run a command; `answer` is what a user types."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=answer)


def said(*arguments: str | Path, status: int = 0, answer: str | None = None) -> str:
    """What a command says, its exit status as expected and no traceback behind it."""
    result = imip(*arguments, answer=answer)
    assert result.exit_code == status, (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.output
