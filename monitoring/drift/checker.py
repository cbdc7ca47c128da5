"""The drift checks of one module: when the next one is due, and the check itself, its detectors kept warm."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from imip.inference.card import Card
from imip.settings import DriftSettings
from monitoring.drift import checks
from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.checks import Check, Detector, Result, Trigger
from monitoring.drift.reference import Reference, current, logged_reference
from monitoring.drift.window import Window, take_window
from monitoring.log.queries import Filter, newer

LEAST = 20  # independent predictions; fewer say too little
REFERENCE = 500  # independent predictions of a reference made from the log, at most
ALL = Filter()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A drift check, and what it compared."""

    check: Check
    reference: Reference
    window: Window


class DriftChecker:
    """Checks one module for drift: holds its reference, its warm detectors, and how far it has looked."""

    def __init__(self, engine: Engine, card: Card, artifact: Reference, settings: DriftSettings) -> None:
        """`artifact`: the reference that the module's artifact brings."""
        self.card, self.artifact, self.settings = card, artifact, settings
        self._engine = engine
        self._warm: tuple[str, Sequence[Detector]] = ("", ())
        self._attempted = time.monotonic()
        self._idle = False  # whether the last attempt led to no check, so that the next one waits its time

    def due(self) -> bool:
        """Return whether enough predictions are new, or any for long enough."""
        last = checks.latest(self._engine, self.card.module, self.card.version)
        new = newer(self._engine, self.card.module, last.position if last else None, self.settings.every)
        waited = time.monotonic() - self._attempted >= self.settings.seconds
        return (new >= self.settings.every and not self._idle) or (new > 0 and waited)

    def reference(self) -> Reference:
        """Return the reference in use."""
        return current(self._engine, self.card, self.artifact)

    def window(self, reference: Reference, wanted: Filter = ALL) -> Window | None:
        """Return the newest independent predictions; None if there is no prediction."""
        return take_window(self._engine, self.card, reference, self.settings.window, wanted)

    def logged(self, wanted: Filter) -> Reference | None:
        """Return a reference of the newest logged predictions asked for; None if too few are independent."""
        used = self.reference()
        window = take_window(self._engine, self.card, used, REFERENCE, wanted)
        if window is None or len(window.predictions) < LEAST:
            return None
        return logged_reference(window.predictions, used.near_duplicate_limits, window.first[0], window.last[0])

    def results(self, reference: Reference, predictions: PredictionArrays) -> tuple[Result, ...]:
        """Return what each detector says of independent predictions."""
        if self._warm[0] != reference.version:
            from monitoring.drift.detectors import detectors  # brings TensorFlow, which no idle monitor needs

            self._warm = reference.version, detectors(reference.predictions, self.card.possible_labels, self.settings)
        return tuple(detector(predictions) for detector in self._warm[1])

    def compare(self, trigger: Trigger, wanted: Filter = ALL) -> Comparison | None:
        """Compare the newest predictions with the reference.

        None if too few of them are independent, or if the monitor has compared these already.
        """
        start = time.perf_counter()
        self._attempted = time.monotonic()
        self._idle = True  # unless it comes to an end
        reference = self.reference()
        window = self.window(reference, wanted)
        if window is None or len(window.predictions) < LEAST:
            return None
        if trigger == "monitor" and self._is_known(window, reference):
            return None
        results = self.results(reference, window.predictions)
        self._idle = False
        check = Check.of(
            results,
            at=datetime.now(UTC),
            module=self.card.module,
            version=self.card.version,
            reference=reference.version,
            reference_size=len(reference.predictions),
            window_size=len(window.predictions),
            window_rows=window.rows,
            since=window.first[0],
            until=window.last[0],
            last_prediction=window.last[1],
            trigger=trigger,
            seconds=time.perf_counter() - start,
        )
        return Comparison(check, reference, window)

    def _is_known(self, window: Window, reference: Reference) -> bool:
        """What is new may be another version's, or lack a feature: then the window is still that of the last check."""
        last = checks.latest(self._engine, self.card.module, self.card.version)
        return last is not None and (last.position, last.reference) == (window.last, reference.version)
