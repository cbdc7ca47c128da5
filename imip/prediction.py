"""One prediction: what a module concluded of one scan, and how the scan looked in numbers.

It is the one type of a prediction. The log's row, the export's columns, the drift window's arrays and the API's answers
are derived from its fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from imip.scan.scan import Format

Certainty = Literal["confident", "uncertain"]
Compared = Literal["below", "at least", "at most", "above"]
NOT_LOGGED = {"logged": False}


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of why, in words and values: a measure alone, or a comparison with a threshold."""

    text: str
    measure: Annotated[str, Field(description="what was measured")]
    value: float
    threshold: Annotated[float | None, Field(description="what the value was compared with; null if with nothing")]
    compared: Annotated[Compared | None, Field(exclude=True)]  # how the value lies to the threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a machine concluded, and how the scan looked. No picture, no file name, no address, no identity."""

    at: datetime  # aware
    request_id: str
    module: str
    version: Annotated[str, Field(description="of the model")]
    format: Format
    label: str
    decision: Certainty
    confidence: float  # calibrated probability of the label; of the most probable one where the label is an abstention
    probabilities: Mapping[str, float]
    warnings: tuple[str, ...]
    seconds: Annotated[Mapping[str, float], Field(description="wall-clock seconds by stage")]
    attributes: Annotated[Mapping[str, str], Field(description="technical DICOM attributes")]
    features: Annotated[Mapping[str, float], Field(description="image and heatmap features")]
    embedding: NDArray[np.float32]  # (d,)

    # Answered at once, and unknown of a prediction that was read from the log.
    width: int | None = field(default=None, metadata=NOT_LOGGED)  # pixels
    height: int | None = field(default=None, metadata=NOT_LOGGED)  # pixels
    frame: int | None = field(default=None, metadata=NOT_LOGGED)  # counted from 0
    frames: int | None = field(default=None, metadata=NOT_LOGGED)
    reasons: tuple[Reason, ...] = field(default=(), metadata=NOT_LOGGED)
    advice: str | None = field(default=None, metadata=NOT_LOGGED)


LOGGED = tuple(each.name for each in fields(Prediction) if each.metadata.get("logged", True))
