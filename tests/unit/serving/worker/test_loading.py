"""What loading a module cost is told to whoever reads the log, in either style."""

import io
import json
import logging
from typing import Any

import pytest

from serving.worker import loading, log_format
from tests.support.server import REPOSITORY


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_loaded_module_is_logged_with_what_it_cost(style: Any) -> None:
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    written = io.StringIO()
    try:
        log_format.configure(style)
        (handler,) = root.handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(written)
        module = loading.load_warm(REPOSITORY / "models" / "chest-pneumonia")
    finally:
        root.handlers[:], root.level = kept
    (line,) = written.getvalue().splitlines()
    assert "module loaded" in line
    assert f"chest-pneumonia:{module.card.version}" in line
    assert "seconds" in line and "bytes" in line
    if style == "json":
        assert json.loads(line)["seconds"] > 0
