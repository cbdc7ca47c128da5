"""Delayed truth: what a reviewer later says of a prediction, kept beside a copy of what was predicted."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Engine, Select, select

from imip.errors import UnknownLabel, UnknownPrediction
from monitoring import tables
from monitoring.database import insert_into

ReviewerRole = Literal["radiologist", "physician", "researcher", "student", "other"]
Comment = Literal["agrees", "false_positive", "false_negative", "wrong_class", "poor_image", "other"]


@dataclass(frozen=True, slots=True)
class Given:
    """What was predicted and what it is said to be."""

    request_id: str
    module: str
    predicted: str
    actual: str
    replaced: bool  # whether earlier feedback of other content was overwritten


def give(
    engine: Engine,
    request_id: str,
    label: str,
    reviewer_role: ReviewerRole | None = None,
    comment: Comment | None = None,
) -> Given:
    """Store feedback. It replaces earlier feedback on the same request; the same again changes nothing.

    Raises UnknownPrediction if the log holds no such prediction, UnknownLabel if its module has no such label.
    """
    with engine.begin() as connection:
        predicted = connection.execute(_prediction(request_id)).mappings().one_or_none()
        if predicted is None:
            raise UnknownPrediction("The prediction log holds no prediction of this request_id.")
        labels = predicted["probabilities"]
        if label not in labels:
            raise UnknownLabel(f"This module has no such label; it has {', '.join(map(repr, labels))}.")
        said = {"actual": label, "reviewer_role": reviewer_role, "comment": comment}
        earlier = connection.execute(_said(request_id)).mappings().one_or_none()
        if earlier is None or dict(earlier) != said:
            copied = {
                name: predicted[name] for name in ("predicted_at", "module", "version", "predicted", "confidence")
            }
            abstained = predicted["predicted"] not in labels
            row = {"request_id": request_id, "at": datetime.now(UTC), **said, **copied, "abstained": abstained}
            given = insert_into(engine, tables.feedback).values(row)
            connection.execute(given.on_conflict_do_update(index_elements=["request_id"], set_=row))
    return Given(
        request_id=request_id,
        module=predicted["module"],
        predicted=predicted["predicted"],
        actual=label,
        replaced=earlier is not None and dict(earlier) != said,
    )


def _prediction(request_id: str) -> Select[Any]:
    columns = tables.predictions.c
    asked = (columns.module, columns.version, columns.confidence, columns.probabilities)
    renamed = (columns.at.label("predicted_at"), columns.label.label("predicted"))
    # The lock lets concurrent feedback on one request wait its turn; SQLite took the whole database's at the start.
    return select(*asked, *renamed).where(columns.request_id == request_id).with_for_update()


def _said(request_id: str) -> Select[Any]:
    columns = tables.feedback.c
    return select(columns.actual, columns.reviewer_role, columns.comment).where(columns.request_id == request_id)
