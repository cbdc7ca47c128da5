"""The prediction log as a table for analysts: Parquet or CSV, written a chunk at a time."""

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Engine, RowMapping

from imip.features import FEATURES
from monitoring.history import Filter, oldest_first
from monitoring.record import read_embedding

if TYPE_CHECKING:
    import pyarrow

Format = Literal["parquet", "csv"]

CHUNK = 5_000  # rows of one group of a Parquet file
TEXT = ("request_id", "module", "version", "format", "label", "decision")
PLAIN = ("at", *TEXT, "confidence")
NESTED = ("probabilities", "warnings", "seconds", "attributes")
COLUMNS = tuple(dict.fromkeys((*PLAIN, *NESTED, *FEATURES)))  # the confidence is a feature too, and stands once


def export(engine: Engine, wanted: Filter, file: Path, format: Format, embeddings: bool = False) -> int:
    """Write the predictions asked for to a file, oldest first, and return how many there were.

    One column a feature; an empty cell where it was not measured. In CSV nested values are JSON. `embeddings` adds a
    column of (d,) float32.
    """
    rows = (_flat(row, embeddings) for row in oldest_first(engine, wanted, embeddings))
    columns = (*COLUMNS, *(("embedding",) if embeddings else ()))
    return (_write_parquet if format == "parquet" else _write_csv)(rows, columns, file)


def _flat(row: RowMapping, embeddings: bool) -> dict[str, Any]:
    values = {name: row[name] for name in (*PLAIN, *NESTED)}
    values |= {name: row["features"].get(name) for name in FEATURES if name not in values}
    return values | ({"embedding": read_embedding(row["embedding"]).tolist()} if embeddings else {})


def _write_csv(rows: Iterable[dict[str, Any]], columns: tuple[str, ...], file: Path) -> int:
    count = 0
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        for count, row in enumerate(rows, 1):  # noqa: B007 (the last number is the count)
            writer.writerow([_cell(row[column]) for column in columns])
    return count


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _write_parquet(rows: Iterator[dict[str, Any]], columns: tuple[str, ...], file: Path) -> int:
    import pyarrow.parquet

    schema = _schema(columns)
    count = 0
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while chunk := list(islice(rows, CHUNK)):
            writer.write_table(pyarrow.Table.from_pylist(chunk, schema))
            count += len(chunk)
    return count


def _schema(columns: tuple[str, ...]) -> "pyarrow.Schema":
    import pyarrow as pa

    kinds = {
        "at": pa.timestamp("us", "UTC"),
        "warnings": pa.list_(pa.string()),
        "attributes": pa.map_(pa.string(), pa.string()),
        "probabilities": pa.map_(pa.string(), pa.float64()),
        "seconds": pa.map_(pa.string(), pa.float64()),
        "embedding": pa.list_(pa.float32()),
        **dict.fromkeys(TEXT, pa.string()),
    }
    return pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])
