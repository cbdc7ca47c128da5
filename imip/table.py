"""Write tables to Parquet or CSV, one group of rows at a time, so that a table of any length fits into memory."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow

Format = Literal["parquet", "csv"]
ColumnType = Literal["text", "number", "integer", "boolean", "timestamp", "texts", "text map", "number map", "vector"]
Row = Mapping[str, Any]  # by column

ROW_GROUP_SIZE = 5_000  # rows of one row group of a Parquet file
COLUMN_TYPES: dict[Any, ColumnType] = {
    str: "text",
    float: "number",
    int: "integer",
    bool: "boolean",
    datetime: "timestamp",
    tuple[str, ...]: "texts",
    Mapping[str, str]: "text map",
    Mapping[str, float]: "number map",
    NDArray[np.float32]: "vector",
}


def column_types(row: type[Any]) -> dict[str, ColumnType]:
    """Return the column type of each field of a dataclass. Fields of other types are left out."""
    hints = {name: _value_type(hint) for name, hint in get_type_hints(row).items()}
    return {name: COLUMN_TYPES[hint] for name, hint in hints.items() if hint in COLUMN_TYPES}


def _value_type(hint: Any) -> Any:
    """Return `X` for `X | None`, and the type of its values for a `Literal`."""
    if get_origin(hint) is UnionType:
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    return type(get_args(hint)[0]) if get_origin(hint) is Literal else hint


def write_table(rows: Iterable[Row], columns: Mapping[str, ColumnType], file: Path, format: Format) -> int:
    """Write rows to a file and return their number.

    A cell is empty if its value is missing or None. In CSV, nested values are JSON. Parquet needs pyarrow.
    """
    return (_write_parquet if format == "parquet" else _write_csv)(iter(rows), columns, file)


def _write_csv(rows: Iterator[Row], columns: Mapping[str, ColumnType], file: Path) -> int:
    count = 0
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        for count, row in enumerate(rows, 1):  # noqa: B007 (the last value is the count)
            writer.writerow([_cell(row.get(column)) for column in columns])
    return count


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _write_parquet(rows: Iterator[Row], columns: Mapping[str, ColumnType], file: Path) -> int:
    import pyarrow.parquet

    schema = _schema(columns)
    count = 0
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while chunk := list(islice(rows, ROW_GROUP_SIZE)):
            writer.write_table(pyarrow.Table.from_pylist(chunk, schema))
            count += len(chunk)
    return count


def _schema(columns: Mapping[str, ColumnType]) -> "pyarrow.Schema":
    import pyarrow as pa

    types: dict[ColumnType, Any] = {
        "text": pa.string(),
        "number": pa.float64(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "timestamp": pa.timestamp("us", "UTC"),
        "texts": pa.list_(pa.string()),
        "text map": pa.map_(pa.string(), pa.string()),
        "number map": pa.map_(pa.string(), pa.float64()),
        "vector": pa.list_(pa.float32()),
    }
    return pa.schema([(name, types[type_]) for name, type_ in columns.items()])
