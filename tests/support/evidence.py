"""Maps of evidence with a blob at a known place."""

import numpy as np
from numpy.typing import NDArray

MAP = 64  # cells a side


def blob(row: float, column: float, radius: float = 5, height: float = 0.9, side: int = MAP) -> NDArray[np.float32]:
    """Evidence of a height within a circle, in cells, and of 0.01 around it."""
    rows, columns = np.indices((side, side)) + 0.5
    inside = np.hypot(rows - row, columns - column) <= radius
    return np.where(inside, height, 0.01).astype(np.float32)
