"""Programs of others that tests run for real. Where one is missing its tests are skipped, but in CI they fail."""

import os
import shutil
from typing import NoReturn

import pytest

SEARCHED = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])  # where Debian puts servers, off some users' path


def program(*names: str) -> str:
    """Return the first of these that is installed."""
    found = next(filter(None, (shutil.which(name, path=SEARCHED) for name in names)), None)
    return found or missing(names[0])


def missing(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not installed")
    pytest.skip(f"{what} is not installed")
