"""The texture of a head: how often each local pattern occurs in it, and how grey levels lie beside each other.

Its own room because a texture is at once a number and a place: each is a mean over the head, and so can be taken
around every pixel as well, which is the map that explains it. Grey levels are compared among themselves alone, so
that brightness and contrast of a scan do not count; air around the head does not either.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern

from imip.inference.preprocessing import AIR_RATIO

RADII = (1, 4)  # pixels of the cropped slice, of a local binary pattern
NEIGHBOURS = 8
PATTERNS = NEIGHBOURS + 2  # 0..8: so many neighbours in a row are not darker; 9: any other order
DISTANCES = (1, 4)  # pixels of the cropped slice, between grey levels that co-occur
ANGLES = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)  # Haralick's four, pooled: a head has no fixed direction
LEVELS = 16  # steps from the 1st to the 99th percentile of the head's grey levels
PROPERTIES = ("contrast", "homogeneity", "correlation", "energy")
PLACED = ("contrast", "homogeneity")  # those that are a mean over pairs of pixels, and so have a place
TEXTURE_FEATURES = (
    *(f"lbp_{radius}_{pattern}" for radius, pattern in product(RADII, range(PATTERNS))),
    *(f"glcm_{name}_{distance}" for distance, name in product(DISTANCES, PROPERTIES)),
)
Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Texture:
    """What a cropped slice's texture is measured on; all (side, side)."""

    tissue: NDArray[np.bool_]  # brighter than air; all of it where nothing is
    patterns: dict[int, NDArray[np.uint8]]  # 0..9, by radius
    levels: NDArray[np.uint8]  # 1..LEVELS in tissue, 0 outside

    def features(self) -> dict[str, float]:
        """Return TEXTURE_FEATURES in order, each finite.

        lbp_R_P: share of tissue with pattern P, uniform and rotation invariant, of neighbours R pixels away (Ojala,
        Pietikainen and Maenpaa 2002). glcm_*_D: contrast, homogeneity, correlation and energy of the grey levels of
        pixels D apart, both in tissue (Haralick, Shanmugam and Dinstein 1973; homogeneity is their inverse difference
        moment).
        """
        values: list[float] = []
        for codes in self.patterns.values():
            values.extend(np.bincount(codes[self.tissue], minlength=PATTERNS) / np.count_nonzero(self.tissue))
        for distance in DISTANCES:
            values.extend(_co_occurrence(self.levels, distance))
        return {name: float(value) for name, value in zip(TEXTURE_FEATURES, values, strict=True)}

    def parts(self, name: str) -> tuple[Map, Map] | None:
        """Return two maps whose sums' ratio is a feature: what each pixel adds to it, and how much the pixel weighs.

        None for a feature that is no mean over pixels.
        """
        kind, of, number = name.split("_")
        if kind == "lbp":
            has = self.tissue & (self.patterns[int(of)] == int(number))
            return has.astype(np.float32), self.tissue.astype(np.float32)
        if of not in PLACED:
            return None
        added, weight = np.zeros(self.levels.shape, np.float32), np.zeros(self.levels.shape, np.float32)
        for one, other in _ends(self.levels.shape, int(number)):
            both = self.tissue[one] & self.tissue[other]
            squared = np.square(self.levels[one].astype(np.float32) - self.levels[other])
            share = both * (squared if of == "contrast" else 1 / (1 + squared))
            for end in (one, other):
                added[end] += share
                weight[end] += both
        return added, weight


def texture(picture: NDArray[np.uint8]) -> Texture:
    """Measure a cropped slice, (side, side) uint8 with dark air."""
    tissue = cv2.blur(picture, (3, 3)) > AIR_RATIO * np.percentile(picture, 99)
    if not tissue.any():
        tissue = np.ones_like(tissue)
    low, high = np.percentile(picture[tissue], (1, 99))
    steps = (picture.astype(np.float32) - low) * (LEVELS / max(high - low, 1.0))
    return Texture(
        tissue=tissue,
        patterns={radius: _patterns(picture, radius) for radius in RADII},
        levels=np.where(tissue, 1 + np.clip(steps, 0, LEVELS - 1).astype(np.uint8), 0).astype(np.uint8),
    )


def texture_features(picture: NDArray[np.uint8]) -> dict[str, float]:
    """Return TEXTURE_FEATURES of a cropped slice, (side, side) uint8 with dark air."""
    return texture(picture).features()


def _patterns(picture: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    codes = local_binary_pattern(picture, NEIGHBOURS, radius, "uniform")  # type: ignore[no-untyped-call]
    return np.asarray(codes, np.uint8)


def _co_occurrence(levels: NDArray[np.uint8], distance: int) -> list[float]:
    """Return PROPERTIES of all pairs of tissue at a distance."""
    counts = graycomatrix(levels, [distance], ANGLES, LEVELS + 1, symmetric=True)  # type: ignore[no-untyped-call]
    pooled = counts[1:, 1:].sum(axis=3, keepdims=True)
    return [graycoprops(pooled, name)[0, 0] for name in PROPERTIES]  # type: ignore[no-untyped-call]


def _ends(shape: tuple[int, ...], distance: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Yield for each angle where the two pixels of all pairs stand."""
    rows, columns = shape
    for angle in ANGLES:
        down, right = round(np.sin(angle) * distance), round(np.cos(angle) * distance)
        one = slice(0, rows - down), slice(max(0, -right), columns - max(0, right))
        other = slice(down, rows), slice(max(0, right), columns - max(0, -right))
        yield one, other
