"""The exported log: both formats hold the same rows, and nothing that was not asked for."""

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from sqlalchemy import Engine

from imip import table
from imip.inference.features import FEATURES
from imip.table import Format
from monitoring.log import queries
from monitoring.log.export import COLUMNS, PLAIN, export
from monitoring.log.queries import Filter
from monitoring.log.rows import EMBEDDING
from tests.support.logged import AT, log, prediction

ALL = Filter()
SECOND = timedelta(seconds=1)
FORMATS: tuple[Format, ...] = ("parquet", "csv")
NESTED = ("probabilities", "warnings", "seconds", "attributes", "embedding")


def numbered(number: int, **columns: Any) -> dict[str, Any]:
    """A logged prediction, some of its features measured."""
    return {
        **prediction({"Tumor": 0.75, "No Tumor": 0.25}, at=AT + SECOND * number),
        "confidence": 0.75,
        "features": {"entropy_bits": 4.5 + number, "width_pixels": 512.0, "confidence": 0.75},
        "embedding": np.array([0.5, -2, number], EMBEDDING).tobytes(),
        "attributes": {"Modality": "MR", "Manufacturer": 'A "quoted", comma'},
        "seconds": {"decode": 0.25},
        "warnings": ["out_of_distribution"] if number % 2 else [],
        **columns,
    }


def read(file: Path, format: Format) -> list[dict[str, Any]]:
    """The rows of an exported file, in one form whatever its format."""
    if format == "csv":
        with file.open(newline="", encoding="utf-8") as text:
            return [{name: from_csv(name, cell) for name, cell in row.items()} for row in csv.DictReader(text)]
    rows = pyarrow.parquet.read_table(file).to_pylist()
    return [{name: dict(cell) if is_map(cell) else cell for name, cell in row.items()} for row in rows]


def from_csv(name: str, cell: str) -> Any:
    if name == "at":
        return datetime.fromisoformat(cell)
    if name in NESTED:
        return json.loads(cell)
    if COLUMNS[name] == "text":
        return cell
    return float(cell) if cell else None


def is_map(cell: Any) -> bool:
    return isinstance(cell, list) and bool(cell) and isinstance(cell[0], tuple)


def exported(database: Engine, folder: Path, format: Format, *options: Any) -> list[dict[str, Any]]:
    file = folder / f"log.{format}"
    count = export(database, *(options[:1] or (ALL,)), file, format, *options[1:])
    rows = read(file, format)
    assert len(rows) == count
    return rows


def test_both_formats_hold_the_rows_of_the_log(database: Engine, tmp_path: Path) -> None:
    logged = [numbered(number) for number in range(3)]
    log(database, *reversed(logged))
    tables = [exported(database, tmp_path, format) for format in FORMATS]
    assert tables[0] == tables[1]
    for row, was in zip(tables[0], logged, strict=True):
        assert tuple(row) == tuple(COLUMNS)
        assert [row[name] for name in PLAIN] == [was[name] for name in PLAIN]
        assert (row["confidence"], row["entropy_bits"], row["width_pixels"]) == (
            0.75, was["features"]["entropy_bits"], 512.0,
        )  # fmt: skip
        assert row["sharpness"] is None  # not measured


def test_every_feature_is_a_column() -> None:
    assert set(FEATURES) <= set(COLUMNS)


@pytest.mark.parametrize("format", FORMATS)
def test_embeddings_come_on_request_only(database: Engine, tmp_path: Path, format: Format) -> None:
    log(database, numbered(0), numbered(1))
    assert "embedding" not in exported(database, tmp_path, format)[0]
    rows = exported(database, tmp_path, format, ALL, True)
    assert [row["embedding"] for row in rows] == [[0.5, -2, 0], [0.5, -2, 1]]


@pytest.mark.parametrize("format", FORMATS)
def test_only_what_is_asked_for_is_exported(database: Engine, tmp_path: Path, format: Format) -> None:
    log(
        database, *(numbered(number) for number in range(4)), numbered(2, module="other"), numbered(2, label="No Tumor")
    )
    wanted = Filter("brain-tumor", "Tumor", AT + SECOND, AT + SECOND * 3)
    assert [row["at"] for row in exported(database, tmp_path, format, wanted)] == [AT + SECOND, AT + SECOND * 2]


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_log_gives_a_table_of_no_rows(database: Engine, tmp_path: Path, format: Format) -> None:
    assert exported(database, tmp_path, format, ALL, True) == []
    file = tmp_path / f"log.{format}"
    names = file.read_text().strip().split(",") if format == "csv" else pyarrow.parquet.read_schema(file).names
    assert tuple(names) == (*COLUMNS, "embedding")


@pytest.mark.parametrize("format", FORMATS)
def test_a_long_log_is_written_in_chunks(
    database: Engine, tmp_path: Path, format: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "ROW_GROUP_SIZE", 10)
    monkeypatch.setattr(queries, "CHUNK", 4)
    ids = log(database, *(numbered(number // 3) for number in range(25)))
    assert [row["request_id"] for row in exported(database, tmp_path, format)] == ids
    if format == "parquet":
        parts = pyarrow.parquet.ParquetFile(tmp_path / "log.parquet")
        assert [parts.metadata.row_group(n).num_rows for n in range(parts.num_row_groups)] == [10, 10, 5]
