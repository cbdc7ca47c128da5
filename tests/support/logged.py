"""Predictions as a module answers them and as the log holds them, and their way into it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import Engine, insert

from imip.prediction import Prediction
from monitoring import tables

AT = datetime(2025, 3, 5, 12, tzinfo=UTC)  # a Wednesday


def answered(request_id: str | None = None) -> Prediction:
    """A prediction as a module answers it."""
    return Prediction(
        request_id=request_id or uuid4().hex,
        at=AT,
        module="brain-tumor",
        version="1",
        format="dicom",
        label="Tumor",
        confidence=0.875,
        probabilities={"Tumor": 0.875, "No Tumor": 0.125},
        decision="confident",
        warnings=("out_of_distribution",),
        seconds={"decode": 0.0123456789, "infer": 0.25},
        features={"entropy_bits": 4.56789012, "width_pixels": 512.0},
        embedding=np.linspace(-3, 3, 7, dtype=np.float32),
        attributes={"Modality": "MR", "MagneticFieldStrength": "1.5"},
    )


def prediction(
    probabilities: Mapping[str, float],
    *,
    label: str | None = None,
    at: datetime = AT,
    module: str = "brain-tumor",
    version: str = "1",
) -> dict[str, Any]:
    """A row of the prediction log; its label is the most probable by default, and may be an abstention."""
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
