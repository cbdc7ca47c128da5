"""Detection of pneumonia in chest X-rays."""

import numpy as np
from numpy.typing import NDArray

from imip.inference.module import BinaryClassifier
from imip.inference.preprocessing import Region


class ChestPneumonia(BinaryClassifier):
    """X-rays are cropped as in MedMNIST. The artifact defines the threshold and the uncertain band."""

    @staticmethod
    def crop(pixels: NDArray[np.uint8]) -> Region:
        """Return the central square with the length of the shorter side, the crop of MedMNIST v2."""
        height, width = pixels.shape
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return Region(top, left, top + side, left + side)
