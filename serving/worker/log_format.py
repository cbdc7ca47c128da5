"""Logging: JSON lines for machines, readable lines on a terminal, and nothing a client wrote in either.

A traceback keeps its frames and the exception's type; the exception's message is left out, since libraries
quote the data they choke on. So is the text of warnings.
"""

import logging
import logging.config
import os
import sys
import threading
import traceback
import warnings
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, TextIO

from pythonjsonlogger.json import JsonFormatter

from serving.worker import output

Style = Literal["auto", "json", "text"]
ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
TRACE = 3000  # characters: a pipe takes lines of up to 4096 bytes whole, whoever else writes to it

log = logging.getLogger("imip.process")


class _WithoutMessages:
    """A formatter's part that prints exceptions without what they say."""

    def formatException(self, info: ExceptionInfo) -> str:  # noqa: N802 (logging's name)
        kind, _, trace = info
        return f"{''.join(traceback.format_tb(trace))}{kind.__name__ if kind else ''}"


class JsonLines(_WithoutMessages, JsonFormatter):
    """One JSON object a line, with the time in UTC."""

    def formatException(self, info: ExceptionInfo) -> str:  # noqa: N802
        return super().formatException(info)[-TRACE:]

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class Readable(_WithoutMessages, logging.Formatter):
    """One line for people, the fields of a request behind its event."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        return " ".join([super().format(record), *(f"{name}={value}" for name, value in fields.items())])


class _Flatten(logging.Filter):
    """Lift a record's `fields` to the top of its JSON object."""

    def filter(self, record: logging.LogRecord) -> bool:
        vars(record).update(vars(record).pop("fields", {}))
        return True


class _FirstLine(logging.Filter):
    """Leave out what asyncio quotes below its message: tasks, callbacks, and what these hold."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = record.getMessage().partition("\n")[0], None
        return True


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines, and says nothing of one that cannot be written: to print that would be to write it again."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


def configure(style: Style) -> None:
    """Send all logs of a worker to standard error in one style."""
    stream = output.inherited()
    _configure("json" if stream or _is_json(style) else "text", stream or sys.stderr)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda thread: _log_uncaught(thread.exc_type, thread.exc_value, thread.exc_traceback)
    warnings.showwarning = _log_warning


def configure_main(style: Style) -> None:
    """Make the log of the process that starts the workers one of JSON lines; as text, it is BentoML's own."""
    if _is_json(style):
        _configure("json", output.capture())
        logging.getLogger("bentoml.serve").setLevel("INFO")  # where it listens


def log_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log what ends this process, with what it says: it takes no scan. Settings may not have been read yet."""
    if not _is_json(os.environ.get("IMIP_LOG_FORMAT", "auto")):
        return sys.__excepthook__(kind, error, trace)
    _configure("json", output.inherited() or sys.stderr)
    log.critical("uncaught", exc_info=(kind, error, trace), extra={"fields": {"error": str(error)[:TRACE]}})


def _is_json(style: str) -> bool:
    """Tell whether a style means JSON here; what is none is as `auto`."""
    return style == "json" or (style != "text" and not sys.stderr.isatty())


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    log.error("uncaught", exc_info=(kind, error or BaseException(), trace))  # its message is not logged


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    log.warning("warning", extra={"fields": {"category": category.__name__, "place": f"{filename}:{lineno}"}})


def _configure(style: Literal["json", "text"], stream: TextIO) -> None:
    bentomls: dict[str, object] = {"level": "WARNING", "handlers": [], "propagate": True}  # it gave them handlers
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"flatten": {"()": _Flatten}, "first line": {"()": _FirstLine}},
            "formatters": {
                "text": {"()": Readable, "format": "%(asctime)s %(levelname)s %(message)s", "datefmt": "%H:%M:%S"},
                "json": {
                    "()": JsonLines,
                    "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
                    "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger", "message": "event"},
                },
            },
            "handlers": {
                "stderr": {
                    "()": _Handler,
                    "stream": stream,
                    "formatter": style,
                    "filters": ["flatten"] if style == "json" else [],
                }
            },
            "root": {"level": "INFO", "handlers": ["stderr"]},
            "loggers": {
                "alembic": {"level": "WARNING"},
                "asyncio": {"filters": ["first line"]},
                "bentoml": bentomls,
                "circus": bentomls,
                "uvicorn": bentomls,
                "uvicorn.error": bentomls,
                "httpx": {"level": "WARNING"},
                "python_multipart": {"level": "ERROR"},  # its warnings quote bytes of the form
            },
        }
    )
