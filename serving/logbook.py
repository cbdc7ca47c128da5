"""A worker's hand in the prediction log: every finding is entered before it is answered."""

import asyncio
from datetime import UTC, datetime

from imip.errors import LogUnavailable
from imip.inference.module import AnalysisModule
from imip.inference.predictor import Analysis
from imip.settings import Settings
from monitoring.database import connect
from monitoring.log.journal import Journal
from monitoring.log.record import Record
from monitoring.log.writer import PredictionLog


class Logbook:
    """The prediction log as the API sees it."""

    def __init__(self, settings: Settings) -> None:
        self.engine = connect(settings.database)
        spools = settings.log_outage == "spool"
        file = settings.data_folder.expanduser() / "journal.sqlite3"
        # What an earlier server spooled is replayed, whether or not this one spools.
        journal = Journal(file, settings.journal_rows) if spools or file.exists() else None
        self._log = PredictionLog(self.engine, journal, spools)

    @property
    def available(self) -> bool:
        return self._log.available

    def check(self) -> None:
        """Refuse work whose answer could not be logged. Raises LogUnavailable."""
        if not self.available:
            raise LogUnavailable("The prediction log cannot be written; try again later.")

    async def enter(self, analysis: Analysis, module: AnalysisModule, request_id: str) -> None:
        """Return once the finding is in the log. Raises LogUnavailable if it cannot be."""
        await asyncio.wrap_future(self._log.add(record(analysis, module, request_id)))

    def close(self) -> None:
        self._log.close()


def record(analysis: Analysis, module: AnalysisModule, request_id: str) -> Record:
    """Describe an analysis for the log."""
    decision = analysis.decision
    return Record(
        request_id=request_id,
        at=datetime.now(UTC),
        module=module.name,
        version=module.card.version,
        format=analysis.scan.format,
        label=decision.label,
        confidence=decision.confidence,
        probabilities=decision.probabilities,
        decision=decision.certainty,
        warnings=analysis.warnings,
        seconds=analysis.watch.seconds,
        features=analysis.features,
        embedding=analysis.output.embedding,
        attributes=analysis.scan.attributes,
    )
