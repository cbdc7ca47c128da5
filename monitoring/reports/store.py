"""Drift reports: when one is due, its making, and the newest one of each module as a row."""

import gzip
from datetime import timedelta

from sqlalchemy import Engine, select

from imip.inference.card import Card
from monitoring.database import insert_into
from monitoring.drift.checker import Comparison
from monitoring.drift.checks import Check
from monitoring.performance.weekly import performance
from monitoring.reports.page import drift_report
from monitoring.tables import drift_checks, drift_reports

EVERY = timedelta(days=1)
WEEKS = 12  # of labels and estimates


def is_due(engine: Engine, check: Check, before: Check | None) -> bool:
    """Return whether a check calls for a report: daily, if a drift begins, and where there is none of this version.

    That is decided by what the last report was about, so that one that could not be made is due again.
    """
    columns = drift_checks.c
    newest = select(drift_reports.c.made_at).where(drift_reports.c.module == check.module).scalar_subquery()
    about = select(columns.at, columns.version, columns.drifted).where(columns.module == check.module)
    with engine.execution_options(reading=True).connect() as connection:
        reported = connection.execute(about.where(columns.at == newest).limit(1)).one_or_none()
    if reported is None or reported.version != check.version or check.at - reported.at >= EVERY:
        return True
    goes_on = reported.drifted and before is not None and before.drifted
    return check.drifted and not goes_on


def make(engine: Engine, card: Card, comparison: Comparison, weeks: int = WEEKS) -> str:
    """Return a page about a comparison and the weeks before it. Takes Evidently."""
    check = comparison.check
    quality = performance(engine, card.module, check.at - timedelta(weeks=weeks))
    reference, window = comparison.reference.predictions, comparison.window.predictions
    return drift_report(check, reference, window, quality, card.target_labels)


def make_and_keep(engine: Engine, card: Card, comparison: Comparison) -> None:
    """Make a report, which takes the place of the module's last one."""
    page = make(engine, card, comparison).encode()
    row = {"module": card.module, "made_at": comparison.check.at, "html": gzip.compress(page, mtime=0)}
    newest = insert_into(engine, drift_reports).values(row)
    with engine.begin() as connection:
        connection.execute(newest.on_conflict_do_update(index_elements=["module"], set_=row))


def newest(engine: Engine, module: str) -> bytes | None:
    """Return a module's newest report, gzipped; None before the first."""
    html = select(drift_reports.c.html).where(drift_reports.c.module == module)
    with engine.execution_options(reading=True).connect() as connection:
        page: bytes | None = connection.execute(html).scalar()
    return page
