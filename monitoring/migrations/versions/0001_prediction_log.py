"""Predictions, feedback, drift checks with their references and reports, and the monitors' lease."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "drift_checks",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("reference_size", sa.Integer(), nullable=False),
        sa.Column("window_size", sa.Integer(), nullable=False),
        sa.Column("window_rows", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_prediction", ID, nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("drifted", sa.Boolean(), nullable=False),
        sa.Column("results", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drift_checks"),
    )
    op.create_index("ix_drift_checks_at", "drift_checks", ["at"], unique=False)
    op.create_index("ix_drift_checks_module_at", "drift_checks", ["module", "at"], unique=False)
    op.create_table(
        "drift_references",
        sa.Column("id", ID, nullable=False),
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("model_version", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrays", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_drift_references"),
    )
    op.create_index(
        "ix_drift_references_module_model_version_id",
        "drift_references",
        ["module", "model_version", "id"],
        unique=False,
    )
    op.create_table(
        "drift_reports",
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("html", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("module", name="pk_drift_reports"),
    )
    op.create_table(
        "feedback",
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actual", sa.String(length=64), nullable=False),
        sa.Column("reviewer_role", sa.String(length=32), nullable=True),
        sa.Column("comment", sa.String(length=32), nullable=True),
        sa.Column("predicted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("predicted", sa.String(length=64), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_feedback"),
    )
    op.create_index("ix_feedback_predicted_at", "feedback", ["predicted_at"], unique=False)
    op.create_index("ix_feedback_module_predicted_at", "feedback", ["module", "predicted_at"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "predictions",
        sa.Column("id", ID, nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("module", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.JSON(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_predictions"),
        sa.UniqueConstraint("request_id", name="uq_predictions_request_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_predictions_at_id", "predictions", ["at", "id"], unique=False)
    op.create_index("ix_predictions_label_at_id", "predictions", ["label", "at", "id"], unique=False)
    op.create_index("ix_predictions_module_at_id", "predictions", ["module", "at", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_predictions_module_at_id", table_name="predictions")
    op.drop_index("ix_predictions_label_at_id", table_name="predictions")
    op.drop_index("ix_predictions_at_id", table_name="predictions")
    op.drop_table("predictions")
    op.drop_table("leases")
    op.drop_index("ix_feedback_predicted_at", table_name="feedback")
    op.drop_index("ix_feedback_module_predicted_at", table_name="feedback")
    op.drop_table("feedback")
    op.drop_table("drift_reports")
    op.drop_index("ix_drift_references_module_model_version_id", table_name="drift_references")
    op.drop_table("drift_references")
    op.drop_index("ix_drift_checks_at", table_name="drift_checks")
    op.drop_index("ix_drift_checks_module_at", table_name="drift_checks")
    op.drop_table("drift_checks")
