"""Pictures that are no brain MRI, drawn for training: outlier exposure (Hendrycks et al., ICLR 2019).

Few head CTs are at hand, so most are painted from MRI slices. How often foreign pictures are noticed is measured on
other head CTs, other photographs, and chest films, of which nothing is drawn here: `training.evaluation.foreign`.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import sklearn.datasets
from numpy.typing import NDArray

from training.evidence.filling import fill
from training.evidence.shapes import SIDE
from training.evidence.views import CUT, Cut

Picture = NDArray[np.uint8]  # (h, w)
Rng = np.random.Generator
CLOSED: Final = 31  # pixels; dark parts up to this wide belong to the head
CHANCES: Final = (0.15, 0.2, 0.15, 0.1, 0.1, 0.1, 0.1, 0.1)  # of CT, painted CT, photographs, and each kind in DRAWN


class ForeignPictures:
    """Draws pictures that are no brain MRI, each of a kind chosen at random.

    `heads` are MRI slices to paint head CT from; `ct` are slices of head CT, instead of which more are painted if there
    are none.
    """

    def __init__(self, heads: Sequence[Cut], ct: Sequence[Cut] = ()) -> None:
        self._heads, self._ct = heads, ct
        images = sklearn.datasets.load_sample_images().images
        self._photos = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]

    def draw(self, rng: Rng) -> Cut:
        """Return one as a slice that was cut, without a lesion."""
        kind = rng.choice(len(CHANCES), p=CHANCES)
        if kind == 0 and self._ct:
            return self._ct[rng.integers(len(self._ct))]
        picture = self._picture(kind, rng)
        return Cut(np.asarray(cv2.resize(picture, (CUT, CUT), interpolation=cv2.INTER_LINEAR), np.uint8), None)

    def _picture(self, kind: int, rng: Rng) -> Picture:
        match kind:
            case 0 | 1:
                return paint_ct(self._heads[rng.integers(len(self._heads))].pixels, rng)
            case 2:
                return _part(self._photos[rng.integers(len(self._photos))], rng)
            case _:
                return DRAWN[kind - 3](rng)


def paint_ct(head: Picture, rng: Rng) -> Picture:
    """Return a head, (h, w) of an MRI, as a CT shows it: a white ring of bone around soft tissue nearly of one gray."""
    side = head.shape[0]
    bright = (cv2.GaussianBlur(head, (0, 0), 2) > 0.12 * np.percentile(head, 99)).astype(np.uint8)
    depth = cv2.distanceTransform(np.pad(fill(bright, CLOSED), 1), cv2.DIST_L2, 5)[1:-1, 1:-1] / side
    uneven = np.asarray(cv2.resize(rng.standard_normal((4, 4)).astype(np.float32), (side, side)), np.float32)
    scalp, bone = rng.uniform(0.01, 0.05), rng.uniform(0.015, 0.06) * (1 + 0.3 * uneven)
    smooth = cv2.GaussianBlur(head, (0, 0), rng.uniform(0.8, 2)).astype(np.float32)
    inside = depth > scalp + bone
    tissue = smooth - np.median(smooth[inside]) if inside.any() else smooth
    gray = rng.uniform(60, 150) + rng.uniform(0.05, 0.5) * tissue + rng.normal(0, rng.uniform(1, 8), head.shape)
    picture = np.where(inside, gray, np.where(depth > scalp, rng.uniform(225, 255), rng.uniform(20, 90)))
    picture = np.where(depth > 0, picture, rng.uniform(0, 8))
    return np.clip(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), rng.uniform(0.4, 1.2)), 0, 255).astype(np.uint8)


def _part(picture: Picture, rng: Rng) -> Picture:
    height, width = picture.shape
    side = int(rng.uniform(0.15, 1.0) * min(height, width))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    return np.ascontiguousarray(np.rot90(picture[top : top + side, left : left + side], rng.integers(4)))


def _texture(rng: Rng) -> Picture:
    """Noise of a random spectrum: clouds, grain, or waves."""
    spectrum = np.fft.rfft2(rng.standard_normal((SIDE, SIDE)))
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None] * rng.uniform(0.3, 3), np.fft.rfftfreq(SIDE)[None]) + 1 / SIDE
    return _stretch(np.fft.irfft2(spectrum * frequency ** -rng.uniform(0.5, 2.5)), rng)


def _noise(rng: Rng) -> Picture:
    noise = rng.standard_normal((SIDE, SIDE))
    blurred = np.asarray(cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.2, 10)), np.float64)
    return _stretch(blurred if rng.random() < 0.7 else noise, rng)


def _shapes(rng: Rng) -> Picture:
    picture = np.full((SIDE, SIDE), int(rng.integers(256)), np.uint8)
    for _ in range(rng.integers(1, 12)):
        column, row, width, height = (int(number) for number in rng.integers(3, SIDE // 2, 4) * (2, 2, 1, 1))
        level, thickness = (int(rng.integers(256)),), int(rng.choice([-1, 1, 3]))
        if rng.random() < 0.5:
            cv2.ellipse(picture, (column, row), (width, height), rng.uniform(0, 180), 0, 360, level, thickness)
        else:
            cv2.rectangle(picture, (column, row), (column + width, row + height), level, thickness)
    return picture


def _page(rng: Rng) -> Picture:
    paper, ink = (255, 0) if rng.random() < 0.6 else (0, 255)
    picture = np.full((SIDE, SIDE), paper, np.uint8)
    for line in range(8, SIDE, int(rng.integers(7, 20))):
        text = "".join(rng.choice(list("abcdefghijklmnopqrst   ABC0123"), 40))
        at, size = (int(rng.integers(0, 30)), line), rng.uniform(0.4, 0.9)
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_PLAIN, size, (ink,), 1)
    return picture


def _blank(rng: Rng) -> Picture:
    """One gray, or nearly: a faint ramp."""
    rises = rng.uniform(0, 40) if rng.random() < 0.3 else 0.0
    ramp = np.linspace(0, rises, SIDE)[None] * np.ones((SIDE, 1))
    return np.asarray(np.clip(rng.integers(256) + ramp, 0, 255), np.uint8)


def _stretch(values: NDArray[np.float64], rng: Rng) -> Picture:
    scaled = (values - values.min()) / max(float(values.max() - values.min()), 1e-6)
    return np.asarray(np.round(scaled * rng.uniform(60, 255)), np.uint8)


DRAWN: Final = (_texture, _noise, _shapes, _page, _blank)
