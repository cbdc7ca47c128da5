"""Does a chest film show pneumonia? A module of another modality, another size and other labels than a brain's."""

import numpy as np
from numpy.typing import NDArray

from imip.inference.module import BinaryClassifier
from imip.inference.preprocessing import Region


class ChestPneumonia(BinaryClassifier):
    """Films are cut as MedMNIST cut them; threshold and uncertain band are the artifact's."""

    @staticmethod
    def crop(pixels: NDArray[np.uint8]) -> Region:
        """Return the square of the shorter edge in the middle, as MedMNIST v2 cut its sources."""
        height, width = pixels.shape
        edge = min(height, width)
        top, left = (height - edge) // 2, (width - edge) // 2
        return Region(top, left, top + edge, left + edge)
