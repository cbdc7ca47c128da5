"""The reference that drift is measured from: the artifact's own, or one made later from logged predictions.

Either way it holds independent predictions only, so that the tests' assumptions hold for it as for the window.
A reference made later is a numbered version in the database; the newest one of a model version is in use.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, RowMapping, insert, select

from imip.inference.artifact import read_reference, version
from imip.inference.card import Card
from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.near_duplicates import independent_rows
from monitoring.tables import drift_references


@dataclass(frozen=True, slots=True)
class Reference:
    """What predictions look like while nothing has changed."""

    version: str  # of its content
    predictions: PredictionArrays  # independent
    near_duplicate_limits: Mapping[str, float]  # by label: distance of embeddings within which two are one patient's
    since: datetime | None = None  # of the predictions it was made from; None for the artifact's own
    until: datetime | None = None


def artifact_reference(folder: Path, card: Card) -> Reference:
    """Return the reference that an artifact brings. Raises ArtifactError if it is damaged."""
    return _unpacked(read_reference(folder, card))


def logged_reference(
    predictions: PredictionArrays, limits: Mapping[str, float], since: datetime, until: datetime
) -> Reference:
    """Return a reference of logged predictions that are independent by `limits`, which are the model's."""
    return _unpacked(_arrays(predictions, limits), since, until)


def current(engine: Engine, card: Card, artifact: Reference) -> Reference:
    """Return the reference in use for a model version: the newest in the database, else the artifact's."""
    columns = drift_references.c
    query = (
        select(drift_references)
        .where(columns.module == card.module, columns.model_version == card.version)
        .order_by(columns.id.desc())
        .limit(1)
    )
    with engine.execution_options(reading=True).connect() as connection:
        row = connection.execute(query).mappings().first()
    return artifact if row is None or row["arrays"] is None else _stored(row)


def store(engine: Engine, card: Card, reference: Reference) -> None:
    """Put a reference into use for a model version; the earlier ones stay in the database.

    Of the artifact's own only that it is in use is kept: the artifact has the rest, and may bring a better one later.
    """
    row = {
        "version": reference.version,
        "module": card.module,
        "model_version": card.version,
        "at": datetime.now(UTC),
        "size": len(reference.predictions),
        "since": reference.since,
        "until": reference.until,
        "arrays": None if reference.since is None else _packed(reference),
    }
    with engine.begin() as connection:
        connection.execute(insert(drift_references), row)


def _packed(reference: Reference) -> bytes:
    packed = io.BytesIO()
    np.savez_compressed(packed, **_arrays(reference.predictions, reference.near_duplicate_limits))
    return packed.getvalue()


def _stored(row: RowMapping) -> Reference:
    with np.load(io.BytesIO(row["arrays"]), allow_pickle=False) as arrays:
        return _unpacked(arrays, row["since"], row["until"])


def _arrays(predictions: PredictionArrays, limits: Mapping[str, float]) -> dict[str, NDArray[Any]]:
    return {
        "embeddings": predictions.embeddings,
        "features": predictions.features,
        "names": np.array(predictions.names, np.str_),
        "confidences": predictions.confidences,
        "labels": predictions.labels,
        "kinship_labels": np.array(list(limits), np.str_),
        "kinship_limits": np.array(list(limits.values()), np.float32),
    }


def _unpacked(
    arrays: Mapping[str, NDArray[Any]], since: datetime | None = None, until: datetime | None = None
) -> Reference:
    predictions = PredictionArrays(
        arrays["embeddings"].astype(np.float32),
        arrays["features"].astype(np.float32),
        tuple(str(name) for name in arrays["names"]),
        arrays["confidences"].astype(np.float32),
        arrays["labels"].astype(np.str_),
    )
    limits = dict(zip(arrays["kinship_labels"].tolist(), arrays["kinship_limits"].tolist(), strict=True))
    kept = predictions.take(independent_rows(predictions, limits))
    # Of what is kept, so that a reference is the same one once it was stored.
    content = b"".join(array.tobytes() for array in _arrays(kept, limits).values())
    return Reference(version(content), kept, limits, since, until)
