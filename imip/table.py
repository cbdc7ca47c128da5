"""Tables as files, Parquet or CSV, for whoever has many rows: written a chunk at a time, so that none is too long."""

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
Kind = Literal["text", "number", "count", "flag", "moment", "texts", "texts by name", "numbers by name", "vector"]
Row = Mapping[str, Any]  # by column

CHUNK = 5_000  # rows of one group of a Parquet file
KINDS: dict[Any, Kind] = {
    str: "text",
    float: "number",
    int: "count",
    bool: "flag",
    datetime: "moment",
    tuple[str, ...]: "texts",
    Mapping[str, str]: "texts by name",
    Mapping[str, float]: "numbers by name",
    NDArray[np.float32]: "vector",
}


def kinds(row: type[Any]) -> dict[str, Kind]:
    """Return what kind of column each field of a dataclass makes; a field of another type makes none."""
    hints = {name: _required(hint) for name, hint in get_type_hints(row).items()}
    return {name: KINDS[hint] for name, hint in hints.items() if hint in KINDS}


def _required(hint: Any) -> Any:
    """Return `X` of `X | None`, and the type of a literal's values."""
    if get_origin(hint) is UnionType:
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    return type(get_args(hint)[0]) if get_origin(hint) is Literal else hint


def write_table(rows: Iterable[Row], columns: Mapping[str, Kind], file: Path, format: Format) -> int:
    """Write rows to a file and return how many there were.

    A cell that a row does not have, or that is None, is empty. In CSV nested values are JSON. Parquet takes pyarrow.
    """
    return (_write_parquet if format == "parquet" else _write_csv)(iter(rows), columns, file)


def _write_csv(rows: Iterator[Row], columns: Mapping[str, Kind], file: Path) -> int:
    count = 0
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        for count, row in enumerate(rows, 1):  # noqa: B007 (the last number is the count)
            writer.writerow([_cell(row.get(column)) for column in columns])
    return count


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _write_parquet(rows: Iterator[Row], columns: Mapping[str, Kind], file: Path) -> int:
    import pyarrow.parquet

    schema = _schema(columns)
    count = 0
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while chunk := list(islice(rows, CHUNK)):
            writer.write_table(pyarrow.Table.from_pylist(chunk, schema))
            count += len(chunk)
    return count


def _schema(columns: Mapping[str, Kind]) -> "pyarrow.Schema":
    import pyarrow as pa

    types: dict[Kind, Any] = {
        "text": pa.string(),
        "number": pa.float64(),
        "count": pa.int64(),
        "flag": pa.bool_(),
        "moment": pa.timestamp("us", "UTC"),
        "texts": pa.list_(pa.string()),
        "texts by name": pa.map_(pa.string(), pa.string()),
        "numbers by name": pa.map_(pa.string(), pa.float64()),
        "vector": pa.list_(pa.float32()),
    }
    return pa.schema([(name, types[kind]) for name, kind in columns.items()])
