"""The window that is compared with the reference: the newest predictions of which each is of another patient."""

from dataclasses import dataclass

from sqlalchemy import Engine

from imip.inference.card import Card
from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.near_duplicates import independent_rows
from monitoring.drift.reference import Reference
from monitoring.log.queries import Filter, Position, newest
from monitoring.log.rows import from_row

LOOKBACK = 5  # predictions looked at for each that is wanted; bounds what a burst of one patient's slices costs


@dataclass(frozen=True, slots=True)
class Window:
    """Independent predictions, oldest first, and which part of the log they come from."""

    predictions: PredictionArrays
    rows: int  # they were chosen from
    first: Position
    last: Position


def take_window(
    engine: Engine, card: Card, reference: Reference, size: int, wanted: Filter = Filter()
) -> Window | None:
    """Return up to `size` independent predictions, the newest there are; None if there is no prediction at all."""
    names = reference.predictions.names
    rows = [
        row
        for row in newest(engine, card.module, card.version, size * LOOKBACK, wanted)
        if all(name in row["features"] for name in names)  # an older server may not have measured all
    ]
    if not rows:
        return None
    predictions = PredictionArrays.of((from_row(row) for row in rows), names)
    kept = independent_rows(predictions, reference.near_duplicate_limits)[-size:]
    oldest, last = rows[kept[0]], rows[-1]
    return Window(
        predictions.take(kept),
        len(rows) - int(kept[0]),
        (oldest["at"], oldest["id"]),
        (last["at"], last["id"]),
    )
