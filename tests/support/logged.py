"""Predictions as the log holds them, and their way into it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, insert

from monitoring import tables

AT = datetime(2025, 3, 5, 12, tzinfo=UTC)  # a Wednesday


def prediction(
    probabilities: Mapping[str, float],
    *,
    label: str | None = None,
    at: datetime = AT,
    module: str = "brain-tumor",
    version: str = "1",
) -> dict[str, Any]:
    """A row of the prediction log; its label is the most probable unless told, which may be an abstention."""
    label = label or max(probabilities, key=lambda name: probabilities[name])
    return {
        "request_id": uuid4().hex, "at": at, "module": module, "version": version, "format": "png", "label": label,
        "confidence": probabilities.get(label, max(probabilities.values())),
        "probabilities": dict(probabilities), "decision": "confident",
        "warnings": [], "seconds": {}, "features": {}, "embedding": b"", "attributes": {},
    }  # fmt: skip


def log(database: Engine, *rows: dict[str, Any]) -> list[str]:
    """Log predictions; return their request ids."""
    with database.begin() as connection:
        connection.execute(insert(tables.predictions), list(rows))
    return [row["request_id"] for row in rows]
