"""What the drift tests compare: a shipped module's card and reference, logged predictions of patients, and a check."""

from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imip.inference.artifact import read_card
from imip.inference.card import Card
from monitoring.drift.checks import FACTS, Check, FeatureShift, Result
from monitoring.drift.reference import artifact_reference
from monitoring.log.rows import EMBEDDING
from tests.support.logged import AT, prediction
from tests.support.server import REPOSITORY

ARTIFACT = REPOSITORY / "models" / "brain-tumor"
CARD = read_card(ARTIFACT)
REFERENCE = artifact_reference(ARTIFACT, CARD)
NAMES = REFERENCE.predictions.names
WIDTH = REFERENCE.predictions.embeddings.shape[1]  # of an embedding

SHIFTS = (FeatureShift("sharpness", 0.75, 1e-6, True), FeatureShift("confidence", 0.1, 0.625, False))
RESULTS = (
    Result("mmd", 0.03125, 0.0625, 0.25, False),
    Result("ks", 0.75, 0.375, 1e-6, True, SHIFTS),
)
CHECK = Check.of(
    RESULTS,
    at=AT,
    module="brain-tumor",
    version="1",
    reference="f00dcafe1234",
    reference_size=185,
    window_size=40,
    window_rows=64,
    since=AT - timedelta(hours=2),
    until=AT - timedelta(microseconds=1),
    last_prediction=4711,
    trigger="monitor",
    seconds=0.5,
)


def check_of(results: tuple[Result, ...], **changes: Any) -> Check:
    """The check with other results."""
    return Check.of(results, **{name: getattr(CHECK, name) for name in FACTS} | changes)


def card(module: str) -> Card:
    """A card of a module that no other test shows anything of."""
    return CARD.model_copy(update={"module": module})


def patient(number: int) -> NDArray[np.float32]:
    """An embedding far away from that of every other number."""
    return 10 * np.eye(WIDTH, dtype=np.float32)[number]


def row(at: int, embedding: NDArray[np.float32], **columns: Any) -> dict[str, Any]:
    """A logged prediction, so many seconds after the first; each feature is that number by default."""
    plain = prediction({"Tumor": 0.8, "No Tumor": 0.2}, at=AT + timedelta(seconds=at), version=CARD.version)
    seen = {"embedding": embedding.astype(EMBEDDING).tobytes(), "features": dict.fromkeys(NAMES, float(at))}
    return plain | seen | columns


def patients(count: int, start: int = 0, **columns: Any) -> list[dict[str, Any]]:
    """Predictions of so many patients, one a second."""
    return [row(number, patient(number), **columns) for number in range(start, start + count)]


def burst(count: int, start: int) -> list[dict[str, Any]]:
    """Predictions of slices of patient 0, one a second."""
    rng = np.random.default_rng(start)
    return [row(at, patient(0) + rng.normal(0, 1e-3, WIDTH).astype("f4")) for at in range(start, start + count)]
