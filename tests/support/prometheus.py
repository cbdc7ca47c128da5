"""Prometheus' own tools, and the rules that are checked with them."""

import subprocess
from pathlib import Path

from tests.support.programs import program
from tests.support.server import REPOSITORY

RULES = sorted((REPOSITORY / "prometheus" / "rules").glob("*.yml"))
TESTS = REPOSITORY / "prometheus" / "tests"


def promtool(*arguments: str | Path) -> str:
    """What promtool says, after a success."""
    ran = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, cwd=TESTS)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
