"""What the prediction log costs when it is small and when it is full: `python -m tools.benchmarks.log [--url URL]`.

Fills a database, by default SQLite in a temporary folder, with synthetic predictions and times at 1,000 rows and at
`--rows`, by default 1,000,000, what a server does all day. Every query is bounded, so the two columns should be alike;
the ratio is what travels from one machine to another. One module falls silent halfway.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import Engine, func, insert, select

from imip.inference.features import FEATURES
from imip.prediction import Prediction
from monitoring.database import connect, migrate
from monitoring.log.queries import Filter, newer, newest, recent
from monitoring.log.retention import prune
from monitoring.log.rows import to_row
from monitoring.tables import predictions

FEW, MANY = 1_000, 1_000_000  # rows
CHUNK = 5_000  # rows inserted in one transaction
MODULES = {"brain-tumor": ("Tumor", "No Tumor"), "dementia": ("Alzheimer", "Impaired", "Healthy")}
MODULE, VERSION, LABEL = "brain-tumor", "1.1.0", "Tumor"
SILENT, OLD_LABEL = "stroke", "Bleeding"  # a module of half of the first half of all rows, and its label
VERSIONS = ("1.0.0", VERSION)
DIMENSIONS = 128  # of an embedding
STEP = timedelta(seconds=10)  # from one prediction to the next
WINDOW = 1_000  # rows a drift check looks at
EVERY = 100  # new rows after which a drift check is due
PAGE = 50  # rows
DOOMED = 400  # rows that retention takes in one batch
KEPT_DAYS = 3650.0
ROUNDS = 30


def main() -> None:
    """Fill, measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="an empty database; by default SQLite in a temporary folder")
    parser.add_argument("--rows", type=int, default=MANY, help="of the full log")
    options = parser.parse_args()
    sizes = (FEW, options.rows)
    with database(options.url) as engine:
        rows = Rows(options.rows)
        columns = []
        for size in sizes:
            start = time.perf_counter()
            fill(engine, rows, size)
            print(f"{size:,} rows after {time.perf_counter() - start:.0f} s", flush=True)
            columns.append(measure(engine, rows))
        print(f"\nMedian milliseconds on {engine.dialect.name}, {row_bytes(rows):,} bytes of data a row\n")
        print(f"| | {' | '.join(f'{size:,} rows' for size in sizes)} | ratio |\n| - | -: | -: | -: |")
        for name in columns[0]:
            small, large = (1000 * column[name] for column in columns)
            print(f"| {name} | {small:.2f} | {large:.2f} | {large / small:.1f} |")


@contextmanager
def database(url: str | None) -> Iterator[Engine]:
    """An empty prediction log; where no URL is given, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="imip-benchmark-") as folder:
        engine = connect(url or f"sqlite:///{Path(folder) / 'predictions.sqlite3'}")
        migrate(engine)
        if count(engine):
            raise SystemExit("This database is in use; give an empty one.")
        yield engine
        engine.dispose()


class Rows:
    """Synthetic predictions in the order of their times."""

    def __init__(self, most: int) -> None:
        rng = np.random.default_rng(0)
        self._rng = rng
        self._features = [dict(zip(FEATURES, rng.normal(50, 20, len(FEATURES)), strict=True)) for _ in range(500)]
        self._embeddings = rng.normal(0, 1, (500, DIMENSIONS)).astype(np.float32)
        self._at = datetime.now(UTC) - STEP * (most + 10 * CHUNK)
        self._heard = most // 2

    def take(self, number: int) -> list[dict[str, Any]]:
        return [to_row(self._prediction()) for _ in range(number)]

    def _prediction(self) -> Prediction:
        self._at += STEP
        module = MODULE if self._rng.random() < 0.7 else "dementia"
        label = MODULES[module][self._rng.integers(len(MODULES[module]))]
        self._heard -= 1
        if self._heard > 0 and self._rng.random() < 0.5:
            module, label = SILENT, OLD_LABEL
        sample = self._rng.integers(len(self._features))
        return Prediction(
            request_id=uuid4().hex,
            at=self._at,
            module=module,
            version=VERSIONS[self._rng.random() < 0.8],
            format="dicom",
            label=label,
            confidence=0.8,
            probabilities={name: 0.8 if name == label else 0.1 for name in MODULES.get(module, (OLD_LABEL, "None"))},
            decision="confident",
            warnings=(),
            seconds={"decode": 0.004, "preprocess": 0.001, "infer": 0.021, "measure": 0.003},
            features=self._features[sample],
            embedding=self._embeddings[sample],
            attributes={"Modality": "MR", "Manufacturer": "SIEMENS", "MagneticFieldStrength": "3"},
        )


def fill(engine: Engine, rows: Rows, size: int) -> None:
    missing = size - count(engine)
    while missing > 0:
        add(engine, rows.take(min(CHUNK, missing)))
        missing -= CHUNK
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("VACUUM ANALYZE")


def add(engine: Engine, rows: list[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(predictions), rows)


def count(engine: Engine) -> int:
    with engine.execution_options(reading=True).connect() as connection:
        return connection.execute(select(func.count()).select_from(predictions)).scalar_one()


def measure(engine: Engine, rows: Rows) -> dict[str, float]:
    """Return the median seconds of each thing a server does."""
    with engine.execution_options(reading=True).connect() as connection:
        first, last = connection.execute(select(func.min(predictions.c.at), func.max(predictions.c.at))).one()
    middle = first + (last - first) / 2
    wanted = Filter(MODULE, LABEL, first + (last - first) / 4, middle)
    before = (middle, 0)
    return {
        "insert one row, committed": median(lambda row: add(engine, row), lambda: rows.take(1)),
        f"newest: a drift check's window of {WINDOW} rows": median(lambda _: newest(engine, MODULE, VERSION, WINDOW)),
        f"newer: whether {EVERY} rows are new": median(lambda _: newer(engine, MODULE, None, EVERY)),
        f"recent: the first {PAGE} rows": median(lambda _: recent(engine, Filter(), PAGE)),
        f"recent: {PAGE} rows from the middle": median(lambda _: recent(engine, Filter(), PAGE, before)),
        f"recent: {PAGE} rows of a module": median(lambda _: recent(engine, Filter(MODULE), PAGE)),
        f"recent: {PAGE} rows of a module from the middle": median(
            lambda _: recent(engine, Filter(MODULE), PAGE, before)
        ),
        f"recent: {PAGE} rows of a label": median(lambda _: recent(engine, Filter(label=LABEL), PAGE)),
        f"recent: {PAGE} rows by label, module and time": median(lambda _: recent(engine, wanted, PAGE)),
        "newest, of a silent module": median(lambda _: newest(engine, SILENT, VERSION, WINDOW)),
        "newer, of a silent module": median(lambda _: newer(engine, SILENT, (middle, 0), EVERY)),
        "recent, of a silent module": median(lambda _: recent(engine, Filter(SILENT), PAGE)),
        "recent, of a label no longer given": median(lambda _: recent(engine, Filter(label=OLD_LABEL), PAGE)),
        "recent, of a module and a label no longer given": median(
            lambda _: recent(engine, Filter(SILENT, OLD_LABEL), PAGE)
        ),
        "recent, of a module and a label it never gives": median(
            lambda _: recent(engine, Filter(MODULE, OLD_LABEL), PAGE)
        ),
        f"retention: a batch of {DOOMED} rows": median(
            lambda kept: prune(engine, KEPT_DAYS, kept), lambda: spare(engine, rows), ROUNDS // 3
        ),
    }


def spare(engine: Engine, rows: Rows) -> int:
    """Add as many rows as retention shall take, and return how many it shall keep."""
    with engine.execution_options(reading=True).connect() as connection:
        first, last = connection.execute(select(func.min(predictions.c.id), func.max(predictions.c.id))).one()
    add(engine, rows.take(DOOMED))
    return int(last - first + 1)


def median(work: Callable[[Any], object], prepare: Callable[[], Any] = lambda: None, rounds: int = ROUNDS) -> float:
    """Return the median seconds of some work, done once before on what `prepare` makes anew each time."""
    seconds = []
    for _ in range(1 + rounds):
        prepared = prepare()
        start = time.perf_counter()
        work(prepared)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def row_bytes(rows: Rows) -> int:
    """Return what the columns of a row hold, JSON as it is written, without the indexes."""
    (row,) = rows.take(1)
    return sum(len(cell if isinstance(cell, bytes) else json.dumps(cell, default=str)) for cell in row.values())


if __name__ == "__main__":
    main()
