"""Small random changes that keep the label of nearly any picture: a little turned, moved, zoomed, brighter, blurred.

Which way up or round a picture lies may be what a module asks, so nothing is mirrored and nothing is turned far.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

TURN = 6.0  # degrees; this and the next four are standard deviations
ZOOM = 0.08  # of the logarithm
SHIFT = 0.04  # of the side
GAMMA = 0.25  # of the logarithm
OFFSET = 0.05  # of the full range
GAIN = (0.75, 1.25)
BLUR = (0.3, 0.8)  # pixels
NOISE = 0.04  # of the full range, at most
RARELY = 0.25  # chance of blur, and of noise


def jitter(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a randomly changed copy of a square picture, (side, side) uint8."""
    side = pixels.shape[0]
    centre = (side - 1) / 2, (side - 1) / 2
    turn, zoom = rng.normal(0, TURN), float(np.exp(rng.normal(0, ZOOM)))
    matrix = np.array(cv2.getRotationMatrix2D(centre, turn, zoom), np.float64)
    matrix[:, 2] += rng.normal(0, SHIFT, 2) * side
    moved = cv2.warpAffine(pixels, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    image = (moved.astype(np.float32) / 255) ** np.exp(rng.normal(0, GAMMA))
    image = image * rng.uniform(*GAIN) + rng.normal(0, OFFSET)
    if rng.random() < RARELY:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(*BLUR))
    if rng.random() < RARELY:
        image = image + rng.standard_normal(image.shape) * rng.uniform(0, NOISE)
    return np.asarray(np.round(np.clip(image, 0, 1) * 255), np.uint8)
