"""Random views of a slice and its lesion: what differs between hospitals, scanners, sequences and exports.

A view is drawn at the size of the network's input, so that each costs about a millisecond: the slice is cut to the
head once, with a margin, and each view is one warp of that cut and some changes of its grey levels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.inference.head import find_head
from imip.inference.preprocessing import Region
from training.evidence.shapes import MAP, SIDE

CUT: Final = 192  # pixels a side of the cut
HEAD: Final = 160  # pixels of it that the head takes
GREY: Final = np.arange(256) / 255
AIR: Final = 12  # grey level that tissue exceeds

Picture = NDArray[np.uint8]  # (side, side)
Rng = np.random.Generator
Lesion = NDArray[np.float32] | None  # (MAP, MAP) share of each cell, 0..1; None where it is not known


@dataclass(frozen=True, slots=True)
class Cut:
    """A slice cut to its head with a margin, and where its lesion is; both (CUT, CUT) uint8, the lesion 0 or 255."""

    pixels: Picture
    lesion: Picture | None


@dataclass(frozen=True, slots=True)
class Chances:
    """How often a view differs in each way, 0..1."""

    stripped: float = 0.2  # no skull
    narrowed: float = 0.15  # a field of view that cuts the head
    turned: float = 0.1  # by quarters
    upended: float = 0.1
    toned: float = 0.15  # another slice's tones
    relit: float = 0.1  # a lesion brighter or darker than it is
    curved: float = 0.7
    inverted: float = 0.05  # dark and bright swapped, as from T1 to T2
    shaded: float = 0.3
    blurred: float = 0.2
    coarsened: float = 0.15
    noisy: float = 0.3
    compressed: float = 0.3
    written_on: float = 0.08


ALL: Final = Chances()
AS_IS: Final = Chances(*([0.0] * 14))


def cut(pixels: Picture, lesion: NDArray[np.bool_] | None) -> Cut:
    """Cut a slice, (H, W), and its lesion to the head with a margin."""
    region = find_head(pixels)
    longest = max(region.height, region.width) * CUT / HEAD
    top, left = (region.top + region.bottom - longest) / 2, (region.left + region.right - longest) / 2
    box = [round(top), round(left), round(top + longest), round(left + longest)]
    return Cut(_fit(pixels, box), None if lesion is None else _fit(np.where(lesion, 255, 0).astype(np.uint8), box))


def view(sample: Cut, rng: Rng, chances: Chances, other: Callable[[Rng], Picture]) -> tuple[Picture, Lesion]:
    """Return a random view of a cut, (SIDE, SIDE), and its lesion; `other` draws a cut whose tones it may get."""
    pixels, lesion = sample.pixels, sample.lesion
    happens = {name: rng.random() < getattr(chances, name) for name in chances.__slots__}
    if happens["relit"] and lesion is not None:
        pixels = _relight(pixels, lesion, rng)
    if happens["toned"]:
        pixels = _match_tones(pixels, other(rng))
    if happens["stripped"]:
        pixels = _strip(pixels, rng)
    region = find_head(pixels) if happens["stripped"] else _MIDDLE
    if happens["narrowed"]:
        region = _narrow(region, rng)
    matrix = _warp(region, rng, happens)
    warped = np.asarray(cv2.warpAffine(pixels, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR), np.uint8)
    changed = _change(warped, rng, happens)
    if lesion is None:
        return changed, None
    placed = cv2.warpAffine(lesion, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    return changed, cv2.resize(placed, (MAP, MAP), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


_MIDDLE: Final = Region((CUT - HEAD) // 2, (CUT - HEAD) // 2, (CUT + HEAD) // 2, (CUT + HEAD) // 2)


def _fit(pixels: Picture, box: list[int]) -> Picture:
    top, left, bottom, right = box
    height, width = pixels.shape
    part = pixels[max(top, 0) : bottom, max(left, 0) : right]
    padded = cv2.copyMakeBorder(
        part, max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0), cv2.BORDER_CONSTANT
    )
    shrinks = padded.shape[0] > CUT
    return np.asarray(
        cv2.resize(padded, (CUT, CUT), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.uint8
    )


def _warp(region: Region, rng: Rng, happens: dict[str, bool]) -> NDArray[np.float64]:
    """Return the warp from the cut to the view: turned, zoomed, shifted, sheared and flipped."""
    zoom = SIDE / max(region.height, region.width) * np.exp(rng.normal(-0.03, 0.07))
    stretch, shear, angle = np.exp(rng.normal(0, 0.05)), rng.normal(0, 0.04), np.deg2rad(rng.normal(0, 9))
    if happens["turned"]:
        angle += np.pi / 2 * rng.integers(1, 4)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flips = np.diag([rng.choice([-1.0, 1.0]), -1.0 if happens["upended"] else 1.0])
    linear = turn @ flips @ np.array([[zoom * stretch, shear], [0, zoom / stretch]])
    centre = np.array([(region.left + region.right) / 2, (region.top + region.bottom) / 2])
    shift = np.array([SIDE, SIDE]) / 2 + rng.normal(0, 0.02, 2) * SIDE
    return np.column_stack([linear, shift - linear @ centre])


def _narrow(region: Region, rng: Rng) -> Region:
    """Return a region of which up to a fifth is cut at each of one or two sides."""
    cuts = rng.uniform(0, 0.2, 4) * (rng.random(4) < 0.4)
    height, width = region.height, region.width
    return Region(
        region.top + int(cuts[0] * height),
        region.left + int(cuts[1] * width),
        region.bottom - int(cuts[2] * height),
        region.right - int(cuts[3] * width),
    )


def _strip(pixels: Picture, rng: Rng) -> Picture:
    """Return the brain without skull and scalp, roughly: the head less its outer part."""
    threshold = 0.15 * np.percentile(pixels[::2, ::2], 99)
    head = cv2.morphologyEx((pixels > threshold).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((11, 11), np.uint8))
    depth = cv2.distanceTransform(np.pad(head, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.asarray(np.where(depth > rng.uniform(0.10, 0.30) * depth.max(), pixels, 0), np.uint8)


def _relight(pixels: Picture, lesion: Picture, rng: Rng) -> Picture:
    """Return the slice with its lesion brighter or darker, softly: not every tumor takes up contrast."""
    soft = cv2.GaussianBlur(lesion, (0, 0), rng.uniform(1.5, 4)).astype(np.float32) / 255
    gain = np.exp(rng.normal(0, 0.35))
    return np.asarray(np.clip(pixels * (1 + soft * (gain - 1)), 0, 255), np.uint8)


def _match_tones(pixels: Picture, other: Picture) -> Picture:
    ours, theirs = (_tones(picture) for picture in (pixels, other))
    table = np.interp(ours, theirs, np.arange(256))
    table[0] = 0
    return np.asarray(cv2.LUT(pixels, np.round(table).astype(np.uint8)), np.uint8)


def _tones(pixels: Picture) -> NDArray[np.float64]:
    sparse = pixels[::2, ::2]
    counts = np.bincount(sparse.ravel(), minlength=256).astype(np.float64)
    counts[: int(0.08 * np.percentile(sparse, 99))] = 0
    cumulative = np.cumsum(counts + 1e-3)
    return np.asarray(cumulative / cumulative[-1], np.float64)


def _change(pixels: Picture, rng: Rng, happens: dict[str, bool]) -> Picture:
    """Change the grey levels: tone curve, shading, sharpness, noise, compression and writing."""
    if happens["curved"] or happens["inverted"]:
        pixels = np.asarray(cv2.LUT(pixels, _curve(rng, happens["inverted"])), np.uint8)
    image = pixels.astype(np.float32)
    if happens["shaded"]:
        image *= np.clip(1 + rng.uniform(0.05, 0.25) * _smooth_noise(rng), 0.4, 1.8)
    if happens["blurred"]:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3)), np.float32)
    if happens["coarsened"]:
        side = int(SIDE * rng.uniform(0.45, 0.85))
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.float32)
    if happens["noisy"]:
        sigma = rng.uniform(0.02, 0.15) * float(image[image > AIR].mean() if (image > AIR).any() else 1.0)
        real, imaginary = rng.standard_normal((2, SIDE, SIDE), dtype=np.float32) * sigma
        image = np.hypot(image + real, imaginary)  # Rician, as the noise of magnitude pictures is
    changed = np.clip(image, 0, 255).astype(np.uint8)
    if happens["written_on"]:
        changed = _write(changed, rng)
    if happens["compressed"]:
        data = cv2.imencode(".jpg", changed, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])[1]
        changed = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return changed


def _curve(rng: Rng, inverts: bool) -> NDArray[np.uint8]:
    """Return a table of 256 grey levels: gamma, gain, offset and a smooth monotone curve; air stays dark."""
    levels = GREY.copy()
    if inverts:
        levels = np.where(levels > 0.08, rng.uniform(0.8, 1.1) - levels, levels)
    if rng.random() < 0.5:
        knots = np.concatenate([[0], np.cumsum(rng.dirichlet(np.full(6, 6.0)))])
        levels = np.interp(levels, np.linspace(0, 1, 7), knots)
    levels = np.clip(levels, 0, 1) ** np.exp(rng.normal(0, 0.3)) * rng.uniform(0.7, 1.6) + rng.normal(0, 0.01)
    return np.asarray(np.round(np.clip(levels, 0, 1) * 255), np.uint8)


def _smooth_noise(rng: Rng) -> NDArray[np.float32]:
    coarse = rng.standard_normal((3, 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.float32)


def _write(pixels: Picture, rng: Rng) -> Picture:
    """Write letters into a corner, or draw a bright border, as exports do."""
    if rng.random() < 0.3:
        level = int(rng.integers(80, 256))
        return np.asarray(cv2.rectangle(pixels, (0, 0), (SIDE - 1, SIDE - 1), (level,), 1), np.uint8)
    text = "".join(rng.choice(list("ABCDEFGHKLMPRST0123456789:/ "), rng.integers(1, 9)))
    at = int(rng.choice([2, SIDE - 8 * len(text) - 2])), int(rng.choice([9, SIDE - 4]))
    size, level = rng.uniform(0.2, 0.4), int(rng.integers(120, 256))
    return np.asarray(cv2.putText(pixels, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, (level,), 1), np.uint8)
