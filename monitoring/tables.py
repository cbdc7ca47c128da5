"""The tables of the prediction log. What they hold says what a machine did, never whom it did it for."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(TypeDecorator[datetime]):
    """A moment, aware and in UTC; SQLite keeps it without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself in INTEGER columns only

predictions = Table(
    "predictions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("request_id", String(32), nullable=False, unique=True),
    Column("at", UtcTime, nullable=False),
    Column("module", String(64), nullable=False),
    Column("version", String(64), nullable=False),  # of the model
    Column("format", String(16), nullable=False),
    Column("label", String(64), nullable=False),
    Column("confidence", Double, nullable=False),
    Column("probabilities", JSON, nullable=False),  # label -> probability
    Column("decision", String(16), nullable=False),
    Column("warnings", JSON, nullable=False),  # names
    Column("seconds", JSON, nullable=False),  # stage -> wall-clock seconds
    Column("features", JSON, nullable=False),  # name -> value, see imip.inference.features
    Column("embedding", LargeBinary, nullable=False),  # (d,) float16, little-endian
    Column("attributes", JSON, nullable=False),  # DICOM keyword -> category or number, see imip.scan.dicom.attributes
    Index(None, "at", "id"),
    Index(None, "module", "at", "id"),
    Index(None, "label", "at", "id"),
    sqlite_autoincrement=True,  # a number is never given twice, also after all rows were deleted
)

feedback = Table(
    "feedback",
    metadata,
    Column("request_id", String(32), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("actual", String(64), nullable=False),  # the label a reviewer gave
    Column("reviewer_role", String(32)),
    Column("comment", String(32)),  # a category, never free text
    # What was predicted is kept beside it, since labels may outlive the predictions' retention.
    Column("predicted_at", UtcTime, nullable=False),
    Column("module", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("predicted", String(64), nullable=False),
    Column("confidence", Double, nullable=False),
    Column("abstained", Boolean, server_default=false(), nullable=False),  # whether `predicted` is an abstention
    Index(None, "module", "predicted_at"),
    Index(None, "predicted_at"),
)

drift_references = Table(
    "drift_references",
    metadata,
    Column("id", Id, primary_key=True),
    Column("version", String(16), nullable=False),
    Column("module", String(64), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("size", Integer, nullable=False),
    Column("since", UtcTime),  # of the predictions it was made from; null for the artifact's own
    Column("until", UtcTime),
    Column("arrays", LargeBinary),  # npz, see monitoring.drift.reference; null for the artifact's own
    Index(None, "module", "model_version", "id"),
)

drift_checks = Table(
    "drift_checks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("module", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("reference", String(16), nullable=False),  # version of the reference
    Column("reference_size", Integer, nullable=False),
    Column("window_size", Integer, nullable=False),  # independent predictions looked at
    Column("window_rows", Integer, nullable=False),  # predictions they were chosen from
    Column("since", UtcTime, nullable=False),  # of the window's predictions
    Column("until", UtcTime, nullable=False),
    Column("last_prediction", Id, nullable=False),
    Column("trigger", String(16), nullable=False),  # monitor or manual
    Column("drifted", Boolean, nullable=False),
    Column("results", JSON, nullable=False),  # of each detector
    Column("seconds", Double, nullable=False),
    Index(None, "module", "at"),
    Index(None, "at"),
)

drift_reports = Table(
    "drift_reports",
    metadata,
    Column("module", String(64), primary_key=True),
    Column("made_at", UtcTime, nullable=False),
    Column("html", LargeBinary, nullable=False),  # gzip
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(32), nullable=False),
    Column("expires", Double, nullable=False),  # seconds since 1970 by the database's clock
)
