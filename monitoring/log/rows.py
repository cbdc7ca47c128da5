"""A prediction as a row of the log, and back; rows into a database."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, RowMapping

from imip.prediction import LOGGED, Prediction
from monitoring.database import insert_into
from monitoring.tables import predictions

EMBEDDING = np.dtype("<f2")  # half the space of float32; its rounding is far below the spread of embeddings

STORED: dict[str, Callable[[Any], Any]] = {  # the other fields are stored as they are
    "probabilities": dict,
    "warnings": list,
    "seconds": lambda seconds: {stage: round(value, 6) for stage, value in seconds.items()},
    "features": lambda features: {  # JSON has no numbers that are not finite
        name: float(f"{value:.6g}") for name, value in features.items() if isfinite(value)
    },
    "embedding": lambda embedding: embedding.astype(EMBEDDING).tobytes(),
    "attributes": dict,
}


def to_row(prediction: Prediction) -> dict[str, Any]:
    """Return the columns of `monitoring.tables.predictions` but for its id."""
    return {name: STORED.get(name, _same)(getattr(prediction, name)) for name in LOGGED}


def insert(engine: Engine, rows: Sequence[dict[str, Any]]) -> None:
    """Commit rows, all or none. Those that are there already, since only the answer to their commit was lost, stay.

    Raises sqlalchemy.exc.SQLAlchemyError if the database does not take them.
    """
    with engine.begin() as connection:
        connection.execute(insert_into(engine, predictions).on_conflict_do_nothing(), rows)


def from_row(row: RowMapping) -> Prediction:
    """Return the prediction of a whole row of the log."""
    values = {name: row[name] for name in LOGGED}
    return Prediction(**values | {"warnings": tuple(row["warnings"]), "embedding": read_embedding(row["embedding"])})


def read_embedding(data: bytes) -> NDArray[np.float32]:
    """Return an embedding, (d,), from its bytes in the log."""
    return np.frombuffer(data, EMBEDDING).astype(np.float32)


def _same(value: Any) -> Any:
    return value
