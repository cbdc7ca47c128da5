"""Reports as rows: wished for by whoever serves them, made by the monitor that computes, and kept until the next."""

import gzip
import logging
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, select, update

from monitoring.database import insert_into
from monitoring.tables import drift_reports

ROOT = Path(__file__).parents[2]
SECONDS = 120.0  # that making one may take

log = logging.getLogger("imip.report")


def wish(engine: Engine, module: str) -> None:
    """Ask for a new report on a module; asking twice changes nothing."""
    row = insert_into(engine, drift_reports).values(module=module, requested_at=datetime.now(UTC))
    wished = row.on_conflict_do_update(index_elements=["module"], set_={"requested_at": row.excluded.requested_at})
    with engine.begin() as connection:
        connection.execute(wished)


def newest(engine: Engine, module: str) -> tuple[datetime, bytes] | None:
    """Return when a module's report was made and its page, gzipped; None before the first."""
    columns = drift_reports.c
    with engine.execution_options(reading=True).connect() as connection:
        row = connection.execute(
            select(columns.made_at, columns.html).where(columns.module == module, columns.html.is_not(None))
        ).first()
    return None if row is None else (row[0], row[1])


def make_wished(engine: Engine) -> None:
    """Make the reports that are wished for, each in a process of its own, since the library is heavy."""
    columns = drift_reports.c
    with engine.execution_options(reading=True).connect() as connection:
        wished = connection.execute(select(columns.module).where(columns.requested_at.is_not(None))).scalars().all()
    for module in wished:
        made = {"requested_at": None} | _made(module)
        with engine.begin() as connection:
            connection.execute(update(drift_reports).where(columns.module == module).values(made))


def _made(module: str) -> dict[str, object]:
    """Return a report's columns; none if it failed, which the log says and a later wish tries again."""
    begun = datetime.now(UTC)  # a check made meanwhile calls for another report
    try:
        page = _page(module)
    except (OSError, subprocess.SubprocessError) as fault:
        log.error("a report could not be made", extra={"fields": {"of": module, "fault": type(fault).__name__}})
        return {}
    return {"made_at": begun, "html": gzip.compress(page, mtime=0)}


def _page(module: str) -> bytes:
    # In the server's metrics directory the process would count as one more worker, with all its gauges at 0.
    environment = {name: value for name, value in os.environ.items() if name.upper() != "PROMETHEUS_MULTIPROC_DIR"}
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [sys.executable, "-m", "imip", "report", "drift", "--module", module, "--out", str(page)]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=SECONDS)
        return page.read_bytes()
