"""What a worker answers beside predictions: it reads the prediction log, and writes feedback."""

import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Engine, RowMapping

from imip.errors import ReportUnavailable, UnknownModule
from monitoring import metrics
from monitoring.drift import checks
from monitoring.drift.checks import Check
from monitoring.lease import MONITOR, is_held
from monitoring.log.queries import Filter, Position, recent
from monitoring.performance import weekly
from monitoring.performance.feedback import give
from monitoring.reports import store
from serving.schemas.meta import Meta, ModuleMeta
from serving.schemas.monitoring import (
    DriftStatus,
    Feedback,
    FeedbackAnswer,
    LoggedPrediction,
    Performance,
    PredictionPage,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KEPT_SECONDS = 30.0  # an answer on performance, which costs seconds of CPU for a million predictions
MAKING = timedelta(minutes=10)  # that the first report takes after the first check, at most
KEPT_ANSWERS = 16  # at most, of up to some 2 KB a week and version

if TYPE_CHECKING:
    from serving.routes.handlers import PredictionQuery


class Queries:
    """The answers of one worker."""

    def __init__(self, engine: Engine, meta: Meta, upload_seconds: float) -> None:
        """`upload_seconds`: time a client has to send its request."""
        self.meta, self.upload_seconds = meta, upload_seconds
        self._engine = engine
        self._kept: dict[tuple[str, timedelta], tuple[float, Performance]] = {}  # oldest first
        self._computing = Lock()  # an answer on performance, one at a time: who waits may find theirs made

    def predictions(self, query: "PredictionQuery") -> PredictionPage:
        """Return a page of predictions. Raises UnknownModule if a module is named that is not served."""
        module = self._module(query.module).name if query.module else None
        wanted = Filter(module, query.label, query.since, query.until)
        rows = recent(self._engine, wanted, query.limit + 1, _position(query.before))
        page = rows[: query.limit]
        return PredictionPage(
            predictions=tuple(LoggedPrediction.model_validate(dict(row)) for row in page),
            next=_cursor(page[-1]) if len(rows) > len(page) else None,
        )

    def drift(self) -> DriftStatus:
        """Return the latest check of each module."""
        found = {module.name: self._latest(module) for module in self.meta.modules}
        return DriftStatus(
            monitor="running" if is_held(self._engine, MONITOR) else "absent",
            modules={name: check for name, check in found.items() if check},
        )

    def performance(self, module: str | None, back: timedelta) -> Performance:
        """Return how well a module did, `KEPT_SECONDS` ago at most. Raises UnknownModule if it is not served."""
        name = self._module(module).name
        with self._computing:
            kept = self._kept.get((name, back))
            if kept is not None and time.monotonic() - kept[0] < KEPT_SECONDS:
                return kept[1]
            weeks = weekly.performance(self._engine, name, datetime.now(UTC) - back)
            answer = Performance(module=name, weeks=tuple(weeks))
            self._keep((name, back), answer)
        return answer

    def feedback(self, feedback: Feedback) -> FeedbackAnswer:
        """Keep the true label of a prediction. Raises UnknownPrediction or UnknownLabel."""
        given = give(self._engine, feedback.request_id, feedback.label, feedback.reviewer_role, feedback.comment)
        metrics.feedback_given.labels(given.module).inc()
        return FeedbackAnswer(**asdict(given))

    def report(self, module: str | None) -> bytes | None:
        """Return the newest drift report on a module, gzipped; None while the first one is being made.

        Raises UnknownModule, and ReportUnavailable if there is none and none is being made.
        """
        asked = self._module(module)
        report = store.newest(self._engine, asked.name)
        if report is not None:
            return report
        first = checks.first_at(self._engine, asked.name, asked.version)
        if first is None:
            raise ReportUnavailable("No drift check has been made yet; there is nothing to report on.")
        if not is_held(self._engine, MONITOR):
            raise ReportUnavailable("There is no drift report, and no drift monitor runs that could make one.")
        if datetime.now(UTC) - first >= MAKING:
            raise ReportUnavailable("The drift monitor has made no report; it takes the extra `report`.")
        return None

    def _keep(self, asked: tuple[str, timedelta], answer: Performance) -> None:
        self._kept.pop(asked, None)
        self._kept[asked] = time.monotonic(), answer
        if len(self._kept) > KEPT_ANSWERS:
            del self._kept[next(iter(self._kept))]

    def _latest(self, module: ModuleMeta) -> Check | None:
        return checks.latest(self._engine, module.name, module.version)

    def _module(self, name: str | None) -> ModuleMeta:
        """Return a module, by default the default one."""
        served = {module.name: module for module in self.meta.modules}
        if name is not None and name not in served:
            raise UnknownModule(f"No such module is served here; there are: {', '.join(served)}.")
        return served[name or self.meta.default_module]


def _cursor(row: RowMapping) -> str:
    """Name a position in the log: microseconds since 1970 and the prediction's number."""
    return f"{(row['at'] - EPOCH) // timedelta(microseconds=1)}-{row['id']}"


def _position(cursor: str | None) -> Position | None:
    if cursor is None:
        return None
    microseconds, number = cursor.split("-")
    return EPOCH + timedelta(microseconds=int(microseconds)), int(number)
