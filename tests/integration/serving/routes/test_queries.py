"""What stands behind `/reports/drift` and `/performance`, on a database and without a server."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from imip.errors import ReportUnavailable
from imip.inference.artifact import read_card
from imip.settings import Settings
from monitoring.database import connect, migrate
from monitoring.drift import checks
from monitoring.drift.checks import Check
from monitoring.lease import MONITOR, Lease
from monitoring.tables import drift_reports
from serving.routes import queries
from serving.routes.queries import KEPT_ANSWERS, KEPT_SECONDS, MAKING, Queries
from serving.schemas.meta import meta
from serving.schemas.monitoring import Performance
from tests.support.logged import log, prediction
from tests.support.server import REPOSITORY

CARD = read_card(REPOSITORY / "models" / "brain-tumor")
MODULE = CARD.module
META = meta([CARD], Settings())


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty prediction log."""
    made = connect(f"sqlite:///{tmp_path / 'predictions.sqlite3'}")
    migrate(made)
    yield made
    made.dispose()


def checked(version: str) -> Check:
    now = datetime.now(UTC)
    sizes = {"reference_size": 9, "window_size": 9, "window_rows": 9, "last_prediction": 1, "seconds": 0.1}
    moments = {"at": now, "since": now, "until": now}
    return Check.of((), module=MODULE, version=version, reference="1", trigger="monitor", **sizes, **moments)


class TestReport:
    """What stands behind /reports/drift, with a monitor running."""

    @pytest.fixture(autouse=True)
    def monitor(self, engine: Engine) -> None:
        assert Lease(engine, MONITOR, "test").take()

    def test_is_not_promised_while_no_monitor_runs(self, engine: Engine) -> None:
        checks.keep(engine, checked(CARD.version))
        Lease(engine, MONITOR, "test").release()
        with pytest.raises(ReportUnavailable, match="no drift monitor runs"):
            Queries(engine, META, 1).report(None)

    def test_is_not_promised_before_the_first_check(self, engine: Engine) -> None:
        answers = Queries(engine, META, 1)
        with pytest.raises(ReportUnavailable, match="No drift check has been made yet"):
            answers.report(None)
        checks.keep(engine, checked("another"))
        with pytest.raises(ReportUnavailable, match="No drift check has been made yet"):
            answers.report(None)
        checks.keep(engine, checked(CARD.version))
        assert answers.report(None) is None

    def test_is_not_promised_for_ever_by_a_monitor_that_makes_none(self, engine: Engine) -> None:
        checks.keep(engine, replace(checked(CARD.version), at=datetime.now(UTC) - MAKING))
        checks.keep(engine, checked(CARD.version))
        with pytest.raises(ReportUnavailable, match="takes the extra"):
            Queries(engine, META, 1).report(None)

    def test_that_was_made_before_is_shown_without_any_check_or_monitor(self, engine: Engine) -> None:
        Lease(engine, MONITOR, "test").release()
        with engine.begin() as connection:
            made = {"module": MODULE, "made_at": datetime.now(UTC), "html": b"page"}
            connection.execute(insert(drift_reports), made)
        assert Queries(engine, META, 1).report(None) == b"page"


class TestPerformance:
    """What stands behind /performance."""

    @pytest.fixture
    def moments(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The clock: its last entry is now."""
        clock = [1000.0]
        monkeypatch.setattr(queries.time, "monotonic", lambda: clock[-1])
        return clock

    def test_is_computed_anew_after_a_while(self, engine: Engine, moments: list[float]) -> None:
        answers, back = Queries(engine, META, 1), timedelta(weeks=2)

        def counted(answer: Performance) -> int:
            return sum(week.predictions for week in answer.weeks)

        assert counted(answers.performance(None, back)) == 0
        log(engine, prediction({"Tumor": 0.8, "No Tumor": 0.2}, at=datetime.now(UTC)))
        moments.append(moments[0] + KEPT_SECONDS - 1)
        assert counted(answers.performance(MODULE, back)) == 0
        assert counted(answers.performance(MODULE, back * 2)) == 1
        moments.append(moments[0] + KEPT_SECONDS)
        assert counted(answers.performance(MODULE, back)) == 1

    def test_is_kept_for_a_few_questions_only(self, engine: Engine) -> None:
        answers = Queries(engine, META, 1)
        kept = [answers.performance(None, timedelta(weeks=weeks)) for weeks in range(1, KEPT_ANSWERS + 2)]
        assert answers.performance(None, timedelta(weeks=KEPT_ANSWERS + 1)) is kept[-1]
        assert answers.performance(None, timedelta(weeks=2)) is kept[1]
        assert answers.performance(None, timedelta(weeks=1)) is not kept[0]
