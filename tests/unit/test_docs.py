"""README and docs/ say what is true: settings, files and commands that they name exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.app import app
from imip.settings import Settings
from tests.support.server import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
OF_DEPLOYMENT = {"VERSION", "REPLICAS", "MEMORY", "CPUS"}  # of docker-compose.yml
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def is_command(words: list[str]) -> bool:
    """Tell whether words begin with a command and its own commands, as `drift check`."""
    found: Any = typer.main.get_command(app)
    while hasattr(found, "commands"):
        if not words or words[0] not in found.commands:
            return False
        found, words = found.commands[words[0]], words[1:]
    options = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return all(word.partition("=")[0] in options for word in words if word.startswith("--"))


@each_page
def test_no_setting_is_named_that_does_not_exist(page: Path) -> None:
    named = set(re.findall(r"\bIMIP_([A-Z_]+[A-Z])", read(page)))
    assert named <= {name.upper() for name in Settings.model_fields} | OF_DEPLOYMENT


@each_page
def test_links_lead_to_files(page: Path) -> None:
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", read(page))]
    for target in targets:
        assert "://" in target or (page.parent / target).exists(), target


@each_page
def test_commands_exist(page: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", read(page), re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[:1] == ["imip"]:
            assert is_command(words[1:]), line


def test_readme_warns_on_its_first_screen() -> None:
    assert "not a medical device" in "\n".join(read(PAGES[0]).splitlines()[:12]).replace("\n> ", " ")
