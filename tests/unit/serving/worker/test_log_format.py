"""What becomes of a log record that cannot be written."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from serving.worker import log_format


class Full(io.StringIO):
    """A stream on a disk that is full."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, hooks = logging.getLogger(), (sys.excepthook, sys.stderr)
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    sys.excepthook, sys.stderr = hooks


def test_a_line_that_cannot_be_written_is_dropped_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    """A main process logs what it prints, so that each complaint would make another."""
    errors, sys.stderr = sys.stderr, Full()
    log_format.configure("json")
    sys.stderr = errors
    logging.getLogger("imip.test").info("lost")
    assert capfd.readouterr().err == ""
