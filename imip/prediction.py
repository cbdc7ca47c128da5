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


@dataclass(frozen=True, slots=True)
class PixelBox:
    """A rectangle in pixels of the scan, far edges exclusive."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Pixel:
    """A pixel of the scan."""

    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the scan, in pixels from its top left corner: the middle of the first pixel is 0.5, 0.5."""

    row: float
    column: float


@dataclass(frozen=True, slots=True)
class EvidenceRegion:
    """One region of the scan where the model finds what it looks for."""

    outline: Annotated[
        tuple[tuple[float, float], ...],
        Field(description="corners of a closed polygon, row and column in pixels from the top left corner of the scan"),
    ]
    box: PixelBox
    centroid: Point
    peak: Annotated[Pixel, Field(description="where the evidence is strongest")]
    confidence: Annotated[
        float, Field(ge=0, le=1, description="calibrated probability that at least a tenth of the region is lesion")
    ]
    area_ratio: Annotated[float, Field(ge=0, le=1, description="share of the foreground of the scan, such as the head")]
    area_mm2: Annotated[float | None, Field(description="null if the file does not say how large a pixel is")]


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
    features: Annotated[Mapping[str, float], Field(description="image, heatmap and region features")]
    embedding: NDArray[np.float32]  # (d,)

    # Not stored in the log: None or empty in a prediction that was read from it.
    width: int | None = field(default=None, metadata=NOT_LOGGED)  # pixels
    height: int | None = field(default=None, metadata=NOT_LOGGED)  # pixels
    frame: int | None = field(default=None, metadata=NOT_LOGGED)  # counted from 0
    frames: int | None = field(default=None, metadata=NOT_LOGGED)
    reasons: tuple[Reason, ...] = field(default=(), metadata=NOT_LOGGED)
    advice: str | None = field(default=None, metadata=NOT_LOGGED)
    regions: tuple[EvidenceRegion, ...] = field(default=(), metadata=NOT_LOGGED)  # strongest first


LOGGED = tuple(each.name for each in fields(Prediction) if each.metadata.get("logged", True))
