"""The head with what is dark inside it, such as fluid and sinuses."""

import cv2
import numpy as np
from numpy.typing import NDArray


def fill(bright: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Close gaps up to `width` pixels in a mask, (H, W) 0 or 1; air between it and an edge of the picture is no gap."""
    padded = cv2.copyMakeBorder(bright, width, width, width, width, cv2.BORDER_CONSTANT)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((width, width), np.uint8))
    return np.asarray(closed[width:-width, width:-width], np.uint8)
