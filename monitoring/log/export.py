"""The prediction log as a table for analysts."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, RowMapping

from imip.inference.features import FEATURES
from imip.prediction import LOGGED, Prediction
from imip.table import ColumnType, Format, column_types, write_table
from monitoring.log.queries import Filter, oldest_first
from monitoring.log.rows import read_embedding

COLUMN_TYPES = column_types(Prediction)
PLAIN = tuple(name for name in LOGGED if name not in ("features", "embedding"))
COLUMNS: dict[str, ColumnType] = {  # the confidence is a feature too, and stands once
    **{name: COLUMN_TYPES[name] for name in PLAIN},
    **dict.fromkeys((name for name in FEATURES if name not in PLAIN), "number"),
}


def export(engine: Engine, wanted: Filter, file: Path, format: Format, embeddings: bool = False) -> int:
    """Write the predictions asked for to a file, oldest first, and return how many there were.

    One column a feature; an empty cell where it was not measured. `embeddings` adds a column of (d,) float32.
    """
    rows = (_flat(row, embeddings) for row in oldest_first(engine, wanted, embeddings))
    columns: dict[str, ColumnType] = COLUMNS | {"embedding": "vector"} if embeddings else COLUMNS
    return write_table(rows, columns, file, format)


def _flat(row: RowMapping, embeddings: bool) -> dict[str, Any]:
    values: dict[str, Any] = row["features"] | {name: row[name] for name in PLAIN}
    return values | ({"embedding": read_embedding(row["embedding"]).tolist()} if embeddings else {})
