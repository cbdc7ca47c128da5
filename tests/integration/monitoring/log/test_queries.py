"""The log's reading end: pages that miss nothing while others write, and queries that never read the whole table."""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, RowMapping, event

from monitoring.log import queries
from monitoring.log.queries import Filter, Position, newer, newest, newest_confidences, oldest_first, recent
from tests.support.logged import AT, log, prediction

MODULE, OTHER, RARE, SILENT = "brain-tumor", "dementia", "stroke", "silent"
LABELS = ("Tumor", "No Tumor")
SECOND = timedelta(seconds=1)
MANY = 4_000  # rows; so many that no planner prefers to read them all


def tumor(at: datetime = AT, **columns: Any) -> dict[str, Any]:
    return {**prediction({"Tumor": 0.75, "No Tumor": 0.25}, at=at), **columns}


def place(row: RowMapping) -> Position:
    return row["at"], row["id"]


def pages(database: Engine, wanted: Filter, limit: int, between: Callable[[], object] = lambda: None) -> list[str]:
    """Turn all pages, newest first, something happening after each; return the request ids seen."""
    seen: list[str] = []
    page = recent(database, wanted, limit)
    while page:
        assert len(page) <= limit
        seen += [row["request_id"] for row in page]
        between()
        page = recent(database, wanted, limit, place(page[-1]))
    return seen


def test_pages_show_each_row_once_while_rows_are_added(database: Engine) -> None:
    times = [AT + SECOND * (number // 7) for number in range(40)]  # many are equal
    random.Random(0).shuffle(times)
    there = log(database, *(tumor(at) for at in times))
    in_order = [name for _, _, name in sorted(zip(times, range(40), there, strict=True), reverse=True)]
    later = (AT + SECOND * number for number in range(100, 200))
    assert pages(database, Filter(), 6, lambda: log(database, tumor(next(later)))) == in_order


def test_a_row_that_is_late_is_shown_at_most_once(database: Engine) -> None:
    there = log(database, *(tumor(AT + SECOND * (number // 3)) for number in range(20)))
    seen = pages(database, Filter(), 4, lambda: log(database, tumor(AT + SECOND * 3)))
    assert len(seen) == len(set(seen))
    assert set(there) <= set(seen)


def test_a_page_stands_before_its_position(database: Engine) -> None:
    log(database, *(tumor(AT + SECOND * number) for number in range(5)))
    (newest_row, *_, oldest) = recent(database, Filter(), 10)
    assert "embedding" not in newest_row
    assert recent(database, Filter(), 10, place(oldest)) == []
    assert recent(database, Filter(), 10, (AT + SECOND * 4, 0))[0]["at"] == AT + SECOND * 3
    assert recent(database, Filter(), 10, (AT + SECOND * 9, 0))[0] == newest_row


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), "abcd"),
        (Filter(module=MODULE), "abc"),
        (Filter(label="Tumor"), "ab"),
        (Filter(module=OTHER, label="Tumor"), ""),
        (Filter(since=AT + SECOND), "bcd"),
        (Filter(until=AT + SECOND), "a"),
        (Filter(MODULE, "Tumor", AT + SECOND, AT + SECOND * 2), "b"),
        (Filter(since=AT + SECOND * 9), ""),
    ],
)
def test_a_filter_keeps_what_was_asked_for(
    database: Engine, wanted: Filter, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "CHUNK", 1)
    ids = log(
        database,
        tumor(),
        tumor(AT + SECOND),
        tumor(AT + SECOND * 2, label="No Tumor"),
        prediction({"Alzheimer": 0.9, "Healthy": 0.1}, at=AT + SECOND * 3, module=OTHER),
    )
    names = dict(zip(ids, "abcd", strict=True))
    assert "".join(names[name] for name in reversed(pages(database, wanted, 2))) == expected
    assert "".join(names[row["request_id"]] for row in oldest_first(database, wanted)) == expected
    assert recent(database, wanted, 9, (AT + SECOND * 99, 0)) == recent(database, wanted, 9)
    assert recent(database, wanted, 9, (AT, 0)) == []


def test_all_rows_come_in_order_beyond_one_chunk(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "CHUNK", 8)
    there = log(database, *(tumor(AT + SECOND * (number // 5), embedding=b"\x00\x3c") for number in range(42)))
    with statements(database) as sent:
        assert [row["request_id"] for row in oldest_first(database, Filter())] == there
    assert len(sent) == 42 // 8 + 2
    assert {"embedding" in row for row in oldest_first(database, Filter())} == {False}
    assert {row["embedding"] for row in oldest_first(database, Filter(), embeddings=True)} == {b"\x00\x3c"}


def test_newest_looks_at_no_more_rows_than_asked(database: Engine) -> None:
    rows = [tumor(AT + SECOND * number, version="12"[number % 2]) for number in range(10)]
    ids = log(database, *rows, prediction({"Healthy": 1.0}, at=AT + SECOND * 99, module=OTHER))
    found = newest(database, MODULE, "2", 5)
    assert [row["at"] for row in found] == [AT + SECOND * 5, AT + SECOND * 7, AT + SECOND * 9]  # oldest first
    assert [row["at"] for row in newest(database, MODULE, "2", 100)] == [AT + SECOND * odd for odd in range(1, 10, 2)]
    assert newest(database, MODULE, "3", 100) == []
    earlier = Filter(since=AT + SECOND * 2, until=AT + SECOND * 6)
    assert [row["at"] for row in newest(database, MODULE, "2", 100, earlier)] == [AT + SECOND * 3, AT + SECOND * 5]
    assert len(ids) == 11


def test_newer_counts_no_further_than_asked(database: Engine) -> None:
    assert newer(database, MODULE, None, 5) == 0
    log(database, *(tumor(AT + SECOND * (number // 2)) for number in range(10)), tumor(module=OTHER))
    places = [place(row) for row in oldest_first(database, Filter(MODULE))]
    assert newer(database, MODULE, None, 100) == 10
    assert newer(database, MODULE, None, 4) == 4
    assert [newer(database, MODULE, one, 100) for one in places] == list(reversed(range(10)))
    assert newer(database, MODULE, places[0], 3) == 3


def test_the_newest_confidences_are_of_the_newest_predictions_and_none_of_an_abstention(database: Engine) -> None:
    shares = [0.5, 0.6, 0.7, 0.8, 0.9]
    log(database, *(prediction({"Tumor": p, "No Tumor": 1 - p}, at=AT + SECOND * p) for p in reversed(shares)))
    log(database, prediction({"Healthy": 1.0}, module=OTHER, at=AT + SECOND * 9))
    assert newest_confidences(database, MODULE, LABELS, 3) == [0.9, 0.8, 0.7]
    log(database, prediction({"Tumor": 0.6, "No Tumor": 0.4}, label="Ambiguous", at=AT + SECOND * 9))
    assert newest_confidences(database, MODULE, LABELS, 2) == [0.0, 0.9]


@pytest.fixture
def full(database: Engine) -> Engine:
    """A log of many rows of several modules, one of which fell silent, with the statistics a planner goes by."""
    rng = random.Random(0)
    rows = [
        tumor(
            AT + SECOND * number,
            module=rng.choices((MODULE, OTHER, RARE, SILENT), (50, 49, 1, 100 * (number < MANY // 2)))[0],
            label=rng.choice(("Tumor", "No Tumor", "Old") if number < MANY // 2 else ("Tumor", "No Tumor")),
            embedding=bytes(500),
        )
        for number in range(MANY)
    ]
    log(database, *rows)
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    return database


MIDDLE = (AT + SECOND * (MANY // 2), MANY // 2)
LATE = (AT + SECOND * (MANY - 20), MANY - 20)
SPAN = {"since": AT + SECOND * 1000, "until": AT + SECOND * 3000}
ROWS = 100  # wanted of each query
QUERIES: dict[str, Callable[[Engine], object]] = {
    "recent": lambda engine: recent(engine, Filter(), ROWS),
    "recent before": lambda engine: recent(engine, Filter(), ROWS, MIDDLE),
    "recent of a module": lambda engine: recent(engine, Filter(MODULE), ROWS),
    "recent of a module before": lambda engine: recent(engine, Filter(MODULE), ROWS, MIDDLE),
    "recent of a label": lambda engine: recent(engine, Filter(label="Tumor"), ROWS),
    "recent in a span": lambda engine: recent(engine, Filter(**SPAN), ROWS),
    "recent by all": lambda engine: recent(engine, Filter(MODULE, "Tumor", **SPAN), ROWS),
    "recent by all before": lambda engine: recent(engine, Filter(MODULE, "Tumor", **SPAN), ROWS, MIDDLE),
    "recent of a module that is rare": lambda engine: recent(engine, Filter(RARE), ROWS),
    "recent of a module that is silent": lambda engine: recent(engine, Filter(SILENT), ROWS),
    "recent of a label that is no more given": lambda engine: recent(engine, Filter(label="Old"), ROWS),
    "newest": lambda engine: newest(engine, MODULE, "1", ROWS),
    "newest of a module that is rare": lambda engine: newest(engine, RARE, "1", ROWS),
    "newest of a module that is silent": lambda engine: newest(engine, SILENT, "1", ROWS),
    "newest until": lambda engine: newest(engine, MODULE, "1", ROWS, Filter(**SPAN)),
    "newer than none": lambda engine: newer(engine, MODULE, None, ROWS),
    "newer": lambda engine: newer(engine, MODULE, MIDDLE, ROWS),
    "newer than a late one": lambda engine: newer(engine, MODULE, LATE, ROWS),
    "newer of a module that is silent": lambda engine: newer(engine, SILENT, MIDDLE, ROWS),
    "newest confidences of a module that is silent": lambda engine: newest_confidences(engine, SILENT, LABELS, ROWS),
    "newest confidences": lambda engine: newest_confidences(engine, MODULE, LABELS, ROWS),
    "oldest first": lambda engine: next(oldest_first(engine, Filter())),
    "oldest first of a label": lambda engine: next(oldest_first(engine, Filter(label="Tumor"))),
}


def test_no_query_reads_or_sorts_the_whole_table(full: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "CHUNK", ROWS)
    for name, query in QUERIES.items():
        with statements(full) as sent:
            query(full)
        check = check_sqlite_plan if full.dialect.name == "sqlite" else check_postgresql_plan
        check(full, name, *sent[0])


def check_sqlite_plan(engine: Engine, name: str, statement: str, parameters: Any) -> None:
    with engine.execution_options(reading=True).connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    reading = [step for step in plan if " predictions " in f"{step.detail} "]
    assert reading, (name, plan)
    assert all(re.search(r"USING (COVERING )?INDEX ix_predictions_", step.detail) for step in reading), (name, plan)
    # Only what a limit has cut already may be sorted.
    sorting = {step.parent for step in plan if "TEMP B-TREE" in step.detail}
    assert not sorting & {step.parent for step in reading}, (name, plan)


def check_postgresql_plan(engine: Engine, name: str, statement: str, parameters: Any) -> None:
    with engine.connect() as connection:
        explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"
        plan = connection.exec_driver_sql(explain, parameters).scalar_one()[0]["Plan"]
    for step in steps(plan):
        if "Relation Name" in step:
            assert step["Node Type"] in ("Index Scan", "Index Only Scan", "Bitmap Heap Scan"), (name, plan)
        assert step["Actual Rows"] + step.get("Rows Removed by Filter", 0) <= 5 * ROWS, (name, plan)


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from steps(part)


@contextmanager
def statements(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database meanwhile, with its parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)
