"""One answered prediction as the log keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

EMBEDDING = np.dtype("<f2")  # half the space of float32; its rounding is far below the spread of embeddings


@dataclass(frozen=True, slots=True)
class Record:
    """What a machine concluded, and how the scan looked. No picture, no file name, no address, no identity."""

    request_id: str
    at: datetime  # aware
    module: str
    version: str  # of the model
    format: str
    label: str
    confidence: float
    probabilities: Mapping[str, float]
    decision: str
    warnings: tuple[str, ...]
    seconds: Mapping[str, float]  # by stage
    features: Mapping[str, float]  # one that is not finite is not kept: JSON has no such numbers
    embedding: NDArray[np.float32]  # (d,)
    attributes: Mapping[str, str]

    def row(self) -> dict[str, Any]:
        """Return the columns of `monitoring.tables.predictions` but for its id."""
        return {
            "request_id": self.request_id,
            "at": self.at,
            "module": self.module,
            "version": self.version,
            "format": self.format,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": dict(self.probabilities),
            "decision": self.decision,
            "warnings": list(self.warnings),
            "seconds": {stage: round(seconds, 6) for stage, seconds in self.seconds.items()},
            "features": {name: float(f"{value:.6g}") for name, value in self.features.items() if isfinite(value)},
            "embedding": self.embedding.astype(EMBEDDING).tobytes(),
            "attributes": dict(self.attributes),
        }


def read_embedding(data: bytes) -> NDArray[np.float32]:
    """Return an embedding, (d,), from its bytes in the log."""
    return np.frombuffer(data, EMBEDDING).astype(np.float32)
