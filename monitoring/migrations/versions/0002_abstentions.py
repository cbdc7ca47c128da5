"""Feedback says whether the prediction was an abstention; a drift report needs no request."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Label = tuple[str, str]  # module and label

feedback = sa.table(
    "feedback",
    sa.column("request_id", sa.String),
    sa.column("module", sa.String),
    sa.column("predicted", sa.String),
    sa.column("actual", sa.String),
    sa.column("abstained", sa.Boolean),
)
predictions = sa.table(
    "predictions",
    sa.column("id", sa.BigInteger),
    sa.column("request_id", sa.String),
    sa.column("module", sa.String),
    sa.column("version", sa.String),
    sa.column("probabilities", sa.JSON),
)


def upgrade() -> None:
    # An older server that still writes beside newer ones does not name the column.
    op.add_column("feedback", sa.Column("abstained", sa.Boolean(), server_default=sa.false(), nullable=False))
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    _mark_abstentions(connection)
    op.execute("DELETE FROM drift_reports WHERE html IS NULL")  # was asked for and never made
    with op.batch_alter_table("drift_reports") as reports:
        reports.drop_column("requested_at")
        reports.alter_column("made_at", existing_type=sa.DateTime(timezone=True), nullable=False)
        reports.alter_column("html", existing_type=sa.LargeBinary(), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("drift_reports") as reports:
        reports.add_column(sa.Column("requested_at", sa.DateTime(timezone=True)))
        reports.alter_column("made_at", existing_type=sa.DateTime(timezone=True), nullable=True)
        reports.alter_column("html", existing_type=sa.LargeBinary(), nullable=True)
    op.drop_column("feedback", "abstained")


def _mark_abstentions(connection: sa.Connection) -> None:
    """An answer that is no key of its prediction's probabilities is an abstention.

    Where the prediction was deleted, it is one if its module has no such label: none that a reviewer gave, none that a
    prediction has a probability of.
    """
    joined = sa.outerjoin(feedback, predictions, feedback.c.request_id == predictions.c.request_id)
    columns = (feedback.c.request_id, feedback.c.module, feedback.c.predicted, predictions.c.probabilities)
    rows = connection.execute(sa.select(*columns).select_from(joined)).all()
    orphans = {(row.module, row.predicted) for row in rows if row.probabilities is None}
    labels = _labels(connection, orphans)
    marked = [
        {"marked": row.request_id}
        for row in rows
        if (
            (row.module, row.predicted) not in labels
            if row.probabilities is None
            else row.predicted not in row.probabilities
        )
    ]
    if marked:
        one = sa.update(feedback).where(feedback.c.request_id == sa.bindparam("marked")).values(abstained=sa.true())
        connection.execute(one, marked)


def _labels(connection: sa.Connection, wanted: set[Label]) -> set[Label]:
    """Return which of these are labels of their modules. The predictions are read only if reviewers gave not all."""
    actual = connection.execute(sa.select(feedback.c.module, feedback.c.actual).distinct())
    labels = {(module, label) for module, label in actual}
    if wanted <= labels:
        return labels
    first = sa.select(sa.func.min(predictions.c.id)).group_by(predictions.c.module, predictions.c.version)
    samples = connection.execute(
        sa.select(predictions.c.module, predictions.c.probabilities).where(predictions.c.id.in_(first))
    )
    return labels | {(module, label) for module, probabilities in samples for label in probabilities}
