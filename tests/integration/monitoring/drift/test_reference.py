"""The reference: the artifact's at first, then whichever was put into use last for that model version."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, select

from imip.errors import ArtifactError
from imip.inference.artifact import REFERENCE as FILE
from imip.inference.artifact import digest
from imip.inference.card import Card
from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.reference import Reference, artifact_reference, current, logged_reference, store
from monitoring.tables import drift_references
from tests.support.drift import ARTIFACT, CARD, REFERENCE
from tests.support.logged import AT

OTHER_MODEL = CARD.model_copy(update={"version": "other"})
OTHER_MODULE = CARD.model_copy(update={"module": "other"})


def made_of(rows: slice, days: int = 0) -> Reference:
    """A reference of some of the artifact's predictions, as if they had been logged."""
    predictions = REFERENCE.predictions.take(np.arange(len(REFERENCE.predictions))[rows])
    return logged_reference(predictions, REFERENCE.near_duplicate_limits, AT, AT + timedelta(days=days))


def same(one: PredictionArrays, other: PredictionArrays) -> bool:
    arrays = ("embeddings", "features", "confidences", "labels")
    equal = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
    return equal and one.names == other.names


def altered(folder: Path, **changed: Any) -> tuple[Path, Card]:
    """The artifact with another reference of the same form, and its card."""
    with np.load(ARTIFACT / FILE) as arrays:
        np.savez(folder / FILE, **{**arrays, **changed})
    files = CARD.files | {FILE: digest((folder / FILE).read_bytes())}
    return folder, CARD.model_copy(update={"files": files})


def test_the_shipped_artifact_brings_a_reference() -> None:
    predictions = REFERENCE.predictions
    assert len(predictions) >= 100
    assert (
        predictions.embeddings.shape[0]
        == predictions.features.shape[0]
        == len(predictions.confidences)
        == len(predictions)
    )
    assert set(predictions.labels.tolist()) == set(CARD.labels)
    assert np.isfinite(predictions.embeddings).all() and np.isfinite(predictions.features).all()
    assert ((predictions.confidences >= 0) & (predictions.confidences <= 1)).all()
    assert REFERENCE.since is REFERENCE.until is None


def test_its_version_stays_and_tells_its_content(tmp_path: Path) -> None:
    assert artifact_reference(ARTIFACT, CARD).version == REFERENCE.version
    assert artifact_reference(*altered(tmp_path)).version == REFERENCE.version
    with np.load(ARTIFACT / FILE) as arrays:
        confidences = arrays["confidences"] * np.float32(0.99)
    assert artifact_reference(*altered(tmp_path, confidences=confidences)).version != REFERENCE.version


def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    folder, _ = altered(tmp_path)
    with pytest.raises(ArtifactError, match=FILE):
        artifact_reference(folder, CARD.model_copy(update={"files": {}}))


def test_the_artifacts_own_is_in_use_at_first(database: Engine) -> None:
    assert current(database, CARD, REFERENCE) is REFERENCE


def test_the_newest_stored_is_in_use(database: Engine) -> None:
    for made in (made_of(slice(0, 40)), made_of(slice(40, 100))):
        store(database, CARD, made)
        assert current(database, CARD, REFERENCE).version == made.version


def test_a_stored_one_comes_back_as_it_was(database: Engine) -> None:
    made = made_of(slice(0, 50), days=3)
    store(database, CARD, made)
    used = current(database, CARD, REFERENCE)
    assert same(used.predictions, made.predictions)
    assert (used.version, used.near_duplicate_limits, used.since, used.until) == (
        made.version, made.near_duplicate_limits, AT, AT + timedelta(days=3),
    )  # fmt: skip


def test_another_model_keeps_its_own(database: Engine) -> None:
    store(database, CARD, made_of(slice(0, 40)))
    assert current(database, OTHER_MODEL, REFERENCE) is REFERENCE
    assert current(database, OTHER_MODULE, REFERENCE) is REFERENCE


def test_the_artifacts_own_can_be_put_into_use_again_and_is_the_same_one(database: Engine) -> None:
    store(database, CARD, made_of(slice(0, 40)))
    store(database, CARD, REFERENCE)
    used = current(database, CARD, REFERENCE)
    assert used.version == REFERENCE.version
    assert same(used.predictions, REFERENCE.predictions)
    assert used.since is used.until is None


def test_the_earlier_ones_stay(database: Engine) -> None:
    for made in (made_of(slice(0, 40)), made_of(slice(0, 40)), REFERENCE):
        store(database, CARD, made)
    with database.connect() as connection:
        columns = drift_references.c
        rows = connection.execute(select(columns.version, columns.size).order_by(columns.id)).all()
    assert [size for _, size in rows] == [40, 40, len(REFERENCE.predictions)]
    assert rows[0].version == rows[1].version != rows[2].version


def test_predictions_of_one_patient_count_once_in_it(database: Engine) -> None:
    twice = REFERENCE.predictions.take([*range(30), *range(30)])
    made = logged_reference(twice, REFERENCE.near_duplicate_limits, AT, AT)
    assert len(made.predictions) == 30
    store(database, CARD, made)
    assert len(current(database, CARD, REFERENCE).predictions) == 30
