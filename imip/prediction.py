"""One prediction: the decision of a module for one scan, with the features of the scan.

This is the only type of a prediction. The rows of the log, the columns of the export, the arrays of the drift window
and the responses of the API are derived from its fields.
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
    """One reason for a decision: a measured value, alone or compared with a threshold."""

    text: str
    measure: Annotated[str, Field(description="what was measured")]
    value: float
    threshold: Annotated[float | None, Field(description="what the value was compared with; null if with nothing")]
    compared: Annotated[Compared | None, Field(exclude=True)]  # the value relative to the threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The decision for one scan and the features of the scan. Contains no pixels, file name, address or identity."""

    at: datetime  # with time zone
    request_id: str
    module: str
    version: Annotated[str, Field(description="of the model")]
    format: Format
    label: str
    decision: Certainty
    confidence: float  # calibrated probability of the label; of the most probable label if the module abstained
    probabilities: Mapping[str, float]
    warnings: tuple[str, ...]
    seconds: Annotated[Mapping[str, float], Field(description="wall-clock seconds by stage")]
    attributes: Annotated[Mapping[str, str], Field(description="technical DICOM attributes")]
    features: Annotated[Mapping[str, float], Field(description="image and heatmap features")]
    embedding: NDArray[np.float32]  # (d,)

    # Not stored in the log: None or empty in a prediction that was read from it.
    width: int | None = field(default=None, metadata=NOT_LOGGED)  # pixels
    height: int | None = field(default=None, metadata=NOT_LOGGED)  # pixels
    frame: int | None = field(default=None, metadata=NOT_LOGGED)  # counted from 0
    frames: int | None = field(default=None, metadata=NOT_LOGGED)
    reasons: tuple[Reason, ...] = field(default=(), metadata=NOT_LOGGED)
    advice: str | None = field(default=None, metadata=NOT_LOGGED)


LOGGED = tuple(each.name for each in fields(Prediction) if each.metadata.get("logged", True))
