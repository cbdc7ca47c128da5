"""The prediction log as a table for analysts."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, RowMapping

from imip.inference.features import FEATURES
from imip.table import Format, Kind, write_table
from monitoring.log.queries import Filter, oldest_first
from monitoring.log.record import read_embedding

TEXT = ("request_id", "module", "version", "format", "label", "decision")
PLAIN = ("at", *TEXT, "confidence")
NESTED: dict[str, Kind] = {
    "probabilities": "numbers by name",
    "warnings": "texts",
    "seconds": "numbers by name",
    "attributes": "texts by name",
}
COLUMNS: dict[str, Kind] = {  # the confidence is a feature too, and stands once
    "at": "moment",
    **dict.fromkeys(TEXT, "text"),
    "confidence": "number",
    **NESTED,
    **dict.fromkeys(FEATURES, "number"),
}


def export(engine: Engine, wanted: Filter, file: Path, format: Format, embeddings: bool = False) -> int:
    """Write the predictions asked for to a file, oldest first, and return how many there were.

    One column a feature; an empty cell where it was not measured. `embeddings` adds a column of (d,) float32.
    """
    rows = (_flat(row, embeddings) for row in oldest_first(engine, wanted, embeddings))
    columns: dict[str, Kind] = COLUMNS | {"embedding": "vector"} if embeddings else COLUMNS
    return write_table(rows, columns, file, format)


def _flat(row: RowMapping, embeddings: bool) -> dict[str, Any]:
    values = {name: row[name] for name in (*PLAIN, *NESTED)}
    values |= {name: row["features"].get(name) for name in FEATURES if name not in values}
    return values | ({"embedding": read_embedding(row["embedding"]).tolist()} if embeddings else {})
