"""Distortions that simulate drift: what another scanner, protocol or archive does to every slice.

A drift has one parameter and five severities, from barely visible to gross. A severity stands for a whole stream:
scans differ only in what chance decides (noise, a field's direction, a shift), drawn from the generator given,
so that one seed at two severities gives the same change at two strengths.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.inference.head import find_head
from imip.inference.preprocessing import Region

Slice = NDArray[np.uint8]  # (H, W)
Image = NDArray[np.float32]  # (H, W), 0..1
Rng = np.random.Generator

SEVERITIES = (1, 2, 3, 4, 5)
SIDE = 256  # pixels; blur is given for a slice of this longer side, since heads fill slices of any size alike
OFF_CENTRE = 0.03  # of the slice's side; how far patients lie from the middle of a field of view
GHOSTS = (0.06, 0.2)  # of the slice's width; how far the first ghost lies from the head
MASS_RADIUS = (0.08, 0.16)  # of the head's shorter side


class Levels(NamedTuple):
    """A drift's parameter at severities 1 to 5."""

    barely: float
    slightly: float
    plainly: float
    strongly: float
    grossly: float

    def at(self, severity: int) -> float:
        """Return the parameter at a severity. Raises ValueError."""
        if severity not in SEVERITIES:
            raise ValueError(f"There is no severity {severity}; there are: 1 (barely visible) to 5 (gross).")
        return self[severity - 1]


@dataclass(frozen=True, slots=True)
class Drift:
    """One way in which slices change, and how far at each severity."""

    summary: str
    unit: str
    levels: Levels
    change: Callable[[Image, float, Rng], Image]

    def describe(self) -> str:
        """Say in one line what changes and how far."""
        return f"{self.summary}; {self.unit}: {', '.join(f'{level:g}' for level in self.levels)}"


def distort(pixels: Slice, kind: str, severity: int, rng: Rng) -> Slice:
    """Return a slice, uint8 (H, W), as a drift of a severity (1 to 5) would show it. Raises ValueError."""
    if kind not in DRIFTS:
        raise ValueError(f"There is no drift {kind!r}; there are: {', '.join(DRIFTS)}.")
    drift = DRIFTS[kind]
    return _to_slice(drift.change(_to_image(pixels), drift.levels.at(severity), rng))


def paint_mass(pixels: Slice, rng: Rng) -> Slice:
    """Paint a smooth bright mass into the head of a slice, (H, W)."""
    image = _to_image(pixels)
    head = find_head(pixels)
    distance = _ellipse(image.shape, head, rng.uniform(*MASS_RADIUS), rng)
    tissue = float(np.median(image[head.top : head.bottom, head.left : head.right]))
    return _to_slice(_paint(image, min(1.0, 0.15 + 1.6 * tissue), distance, edge=1.0, softness=0.25))


def _noise(image: Image, level: float, rng: Rng) -> Image:
    """Magnitude of a signal with Gaussian noise on both channels, hence Rician (Gudbjartsson & Patz, MRM 34, 1995)."""
    sigma = level * float(np.percentile(image, 99))
    real, imaginary = rng.standard_normal((2, *image.shape), dtype=np.float32) * np.float32(sigma)
    return np.asarray(np.hypot(image + real, imaginary), np.float32)


def _blur(image: Image, level: float, rng: Rng) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), level * max(image.shape) / SIDE), np.float32)


def _brightness(image: Image, level: float, rng: Rng) -> Image:
    return image + np.float32(level)


def _contrast(image: Image, level: float, rng: Rng) -> Image:
    mean = image.mean()
    return np.asarray(mean + (image - mean) * (1 - level), np.float32)


def _gamma(image: Image, level: float, rng: Rng) -> Image:
    return image ** np.float32(level)


def _bias_field(image: Image, level: float, rng: Rng) -> Image:
    """Multiply by a field whose logarithm is a polynomial of second order (Van Leemput et al., IEEE TMI 18, 1999)."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in image.shape)
    a, b, c, d, e = rng.standard_normal(5)
    field = (a * x + c * x**2)[None, :] + (b * y + d * y**2)[:, None] + e * np.outer(y, x)
    return np.asarray(image * np.exp(level * field / (np.abs(field).max() + 1e-6)), np.float32)


def _ghosting(image: Image, level: float, rng: Rng) -> Image:
    """Let the head swing while k-space is filled line by line, left to right (Wood & Henkelman, Med. Phys. 12, 1985).

    A shift of the head turns the phase of the line taken then; a periodic one copies the head along the axis.
    """
    width = image.shape[1]
    lines = np.fft.fftfreq(width) * width
    swing = level * np.sin(2 * np.pi * (rng.uniform(*GHOSTS) * lines + rng.uniform()))
    moved = np.fft.fft(image, axis=1) * np.exp(-2j * np.pi * lines * swing)
    return np.abs(np.fft.ifft(moved, axis=1)).astype(np.float32)


def _resolution_loss(image: Image, level: float, rng: Rng) -> Image:
    """Reduce the longer side to `level` pixels and enlarge it again; a slice that is coarser stays as it is."""
    height, width = image.shape
    scale = min(1.0, level / max(image.shape))
    coarse = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, coarse, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _jpeg(image: Image, level: float, rng: Rng) -> Image:
    encoded = cv2.imencode(".jpg", _to_slice(image), [cv2.IMWRITE_JPEG_QUALITY, int(level)])[1]
    return _to_image(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8))


def _inversion(image: Image, level: float, rng: Rng) -> Image:
    """Invert or do not: a polarity that is read wrongly (MONOCHROME1, PS3.3 C.7.6.3.1.2) has nothing in between."""
    return 1 - image if rng.random() < level else image


def _zoom(image: Image, level: float, rng: Rng) -> Image:
    height, width = image.shape
    crop = image[_window(image, level, rng)]
    return np.asarray(cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _wide_field(image: Image, level: float, rng: Rng) -> Image:
    field = np.zeros_like(image)
    window = _window(image, level, rng)
    rows, columns = field[window].shape
    field[window] = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    return field


def _window(image: Image, ratio: float, rng: Rng) -> tuple[slice, slice]:
    """Return the rows and columns of a window about the image's middle, its sides smaller by `ratio`."""

    def part(side: int) -> slice:
        length = max(1, round(side / ratio))
        start = (side - length) / 2 + rng.uniform(-OFF_CENTRE, OFF_CENTRE) * side
        first = int(np.clip(round(start), 0, side - length))
        return slice(first, first + length)

    return part(image.shape[0]), part(image.shape[1])


def _implant(image: Image, level: float, rng: Rng) -> Image:
    """Paint what metal leaves: a void, and a bright rim where signal piles up (Hargreaves et al., AJR 197, 2011)."""
    distance = _ellipse(image.shape, find_head(_to_slice(image)), level, rng)
    rim = _paint(image, 1.0, distance, edge=1.0, softness=0.1)
    return _paint(rim, 0.0, distance, edge=0.75, softness=0.1)


def _ellipse(shape: tuple[int, ...], head: Region, radius: float, rng: Rng) -> Image:
    """Return the distance from a random ellipse's centre inside the head, (H, W), 1 at its edge.

    `radius`: the longer one, as a share of the head's shorter side.
    """
    angle, turn, squeeze = rng.uniform(0, 2 * np.pi), rng.uniform(0, np.pi), rng.uniform(0.65, 1)
    away = 0.28 * np.sqrt(rng.uniform())
    row = head.top + head.height * (0.5 + away * np.sin(angle))
    column = head.left + head.width * (0.5 + away * np.cos(angle))
    ys, xs = np.mgrid[: shape[0], : shape[1]].astype(np.float32) + np.float32(0.5)
    along = (xs - column) * np.cos(turn) + (ys - row) * np.sin(turn)
    across = (ys - row) * np.cos(turn) - (xs - column) * np.sin(turn)
    pixels = radius * min(head.height, head.width)
    return np.asarray(np.hypot(along, across / squeeze) / pixels, np.float32)


def _paint(image: Image, tone: float, distance: Image, edge: float, softness: float) -> Image:
    """Give all that lies within the edge one tone, with a soft step around it."""
    cover = np.clip((edge - distance) / softness + 0.5, 0, 1)
    return np.asarray(image * (1 - cover) + tone * cover, np.float32)


def _to_image(pixels: Slice) -> Image:
    return pixels.astype(np.float32) / np.float32(255)


def _to_slice(image: Image) -> Slice:
    return np.asarray(np.round(np.clip(image, 0, 1) * 255), np.uint8)


DRIFTS: Mapping[str, Drift] = {
    "gaussian-noise": Drift(
        "Noise of the receiver in a magnitude image",
        "standard deviation as a share of the 99th percentile of brightness",
        Levels(0.02, 0.04, 0.08, 0.14, 0.25),
        _noise,
    ),
    "blur": Drift(
        "Gaussian blur", f"standard deviation in pixels of a slice of {SIDE}", Levels(0.5, 1, 1.7, 2.8, 4.5), _blur
    ),
    "brightness": Drift("Brighter display", "share of white added", Levels(0.04, 0.08, 0.14, 0.24, 0.4), _brightness),
    "contrast": Drift("Flatter display", "share of contrast lost", Levels(0.1, 0.2, 0.35, 0.55, 0.75), _contrast),
    "gamma": Drift("Darker middle tones", "exponent of brightness", Levels(1.15, 1.35, 1.65, 2.2, 3.2), _gamma),
    "bias-field": Drift(
        "Smooth shading of a receive coil",
        "largest logarithm of the gain",
        Levels(0.2, 0.4, 0.7, 1.1, 1.6),
        _bias_field,
    ),
    "motion-ghosting": Drift(
        "Ghosts of a head that swings from left to right",
        "amplitude as a share of the slice's width",
        Levels(0.001, 0.0025, 0.005, 0.01, 0.02),
        _ghosting,
    ),
    "resolution-loss": Drift(
        "Coarser acquisition", "pixels along the longer side", Levels(160, 112, 80, 56, 36), _resolution_loss
    ),
    "jpeg": Drift("JPEG artifacts of an archive", "quality, 1 to 100", Levels(60, 35, 20, 10, 4), _jpeg),
    "inversion": Drift("Black and white swapped", "share of scans", Levels(0.05, 0.15, 0.35, 0.65, 1), _inversion),
    "zoom": Drift(
        "Narrower field of view, cut and enlarged", "magnification", Levels(1.06, 1.15, 1.3, 1.6, 2.2), _zoom
    ),
    "wide-field": Drift(
        "Wider field of view, the head small in the dark",
        "sides of the field",
        Levels(1.06, 1.15, 1.3, 1.6, 2.2),
        _wide_field,
    ),
    "unseen-structure": Drift(
        "An implant no model was trained on: a void with a bright rim",
        "radius as a share of the head's shorter side",
        Levels(0.03, 0.06, 0.1, 0.16, 0.25),
        _implant,
    ),
}
