"""Logging: JSON lines for machines, readable lines on a terminal, and nothing a client wrote in either.

A traceback keeps its frames and the exception's type; the exception's message is left out, since libraries
quote the data they choke on.
"""

import logging
import logging.config
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _WithoutMessages:
    """A formatter's part that prints exceptions without what they say."""

    def formatException(self, info: ExceptionInfo) -> str:  # noqa: N802 (logging's name)
        kind, _, trace = info
        return f"{''.join(traceback.format_tb(trace))}{kind.__name__ if kind else ''}"


class JsonLines(_WithoutMessages, JsonFormatter):
    """One JSON object a line, with the time in UTC."""

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


def configure(style: Literal["auto", "json", "text"]) -> None:
    """Send all logs of this process to standard error in one style."""
    chosen = style if style != "auto" else ("text" if sys.stderr.isatty() else "json")
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"flatten": {"()": _Flatten}},
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
                    "class": "logging.StreamHandler",
                    "formatter": chosen,
                    "filters": ["flatten"] if chosen == "json" else [],
                }
            },
            "root": {"level": "INFO", "handlers": ["stderr"]},
            "loggers": {
                "alembic": {"level": "WARNING"},
                "bentoml": {"level": "WARNING", "handlers": [], "propagate": True},
                "uvicorn": {"level": "WARNING", "handlers": [], "propagate": True},
                "httpx": {"level": "WARNING"},
                "python_multipart": {"level": "ERROR"},  # its warnings quote bytes of the form
            },
        }
    )
