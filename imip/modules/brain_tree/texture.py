"""Texture features of a head: local binary patterns and grey-level co-occurrence.

Most features are means over the head, so they can also be computed around each pixel, as a map that explains the
decision. Only differences of grey levels are used, so that brightness and contrast of a scan have no effect. Air around
the head is excluded.
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
PATTERNS = NEIGHBOURS + 2  # 0..8: number of consecutive neighbours that are not darker; 9: all other patterns
DISTANCES = (1, 4)  # pixels of the cropped slice, between grey levels that co-occur
ANGLES = (
    0.0,
    np.pi / 4,
    np.pi / 2,
    3 * np.pi / 4,
)  # of Haralick, pooled because a head has no fixed orientation
GREY_LEVELS = 16  # from the 1st to the 99th percentile of the head's grey levels
PROPERTIES = ("contrast", "homogeneity", "correlation", "energy")
MEAN_PROPERTIES = ("contrast", "homogeneity")  # means over pairs of pixels, which can be computed locally
TEXTURE_FEATURES = (
    *(f"lbp_{radius}_{pattern}" for radius, pattern in product(RADII, range(PATTERNS))),
    *(f"glcm_{name}_{distance}" for distance, name in product(DISTANCES, PROPERTIES)),
)
Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Texture:
    """The arrays from which the texture features of a cropped slice are computed; all (side, side)."""

    tissue: NDArray[np.bool_]  # brighter than air; all pixels if none is
    patterns: dict[int, NDArray[np.uint8]]  # 0..9 of each pixel, by radius
    levels: NDArray[np.uint8]  # 1..GREY_LEVELS in tissue, 0 outside

    def features(self) -> dict[str, float]:
        """Return TEXTURE_FEATURES in order, each finite.

        lbp_R_P: share of tissue with the uniform, rotation-invariant pattern P of neighbours R pixels away (Ojala,
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

    def value_and_weight(self, name: str) -> tuple[Map, Map] | None:
        """Return two maps, (side, side): a feature is the sum of the first divided by the sum of the second.

        Returns None for a feature that is not a mean over pixels.
        """
        family, kind, number = name.split("_")
        if family == "lbp":
            has_pattern = self.tissue & (self.patterns[int(kind)] == int(number))
            return has_pattern.astype(np.float32), self.tissue.astype(np.float32)
        if kind not in MEAN_PROPERTIES:
            return None
        value, weight = np.zeros(self.levels.shape, np.float32), np.zeros(self.levels.shape, np.float32)
        for one, other in _pixel_pairs(self.levels.shape, int(number)):
            both = self.tissue[one] & self.tissue[other]
            squared = np.square(self.levels[one].astype(np.float32) - self.levels[other])
            pair_value = both * (squared if kind == "contrast" else 1 / (1 + squared))
            for pixel in (one, other):
                value[pixel] += pair_value
                weight[pixel] += both
        return value, weight


def measure_texture(picture: NDArray[np.uint8]) -> Texture:
    """Measure the texture of a cropped slice, (side, side) uint8 with dark air."""
    tissue = cv2.blur(picture, (3, 3)) > AIR_RATIO * np.percentile(picture, 99)
    if not tissue.any():
        tissue = np.ones_like(tissue)
    low, high = np.percentile(picture[tissue], (1, 99))
    scaled = (picture.astype(np.float32) - low) * (GREY_LEVELS / max(high - low, 1.0))
    return Texture(
        tissue=tissue,
        patterns={radius: _patterns(picture, radius) for radius in RADII},
        levels=np.where(tissue, 1 + np.clip(scaled, 0, GREY_LEVELS - 1).astype(np.uint8), 0).astype(np.uint8),
    )


def texture_features(picture: NDArray[np.uint8]) -> dict[str, float]:
    """Return TEXTURE_FEATURES of a cropped slice, (side, side) uint8 with dark air."""
    return measure_texture(picture).features()


def _patterns(picture: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    codes = local_binary_pattern(picture, NEIGHBOURS, radius, "uniform")  # type: ignore[no-untyped-call]
    return np.asarray(codes, np.uint8)


def _co_occurrence(levels: NDArray[np.uint8], distance: int) -> list[float]:
    """Return PROPERTIES of all pairs of tissue pixels at a distance."""
    counts = graycomatrix(levels, [distance], ANGLES, GREY_LEVELS + 1, symmetric=True)  # type: ignore[no-untyped-call]
    pooled = counts[1:, 1:].sum(axis=3, keepdims=True)
    return [graycoprops(pooled, name)[0, 0] for name in PROPERTIES]  # type: ignore[no-untyped-call]


def _pixel_pairs(shape: tuple[int, ...], distance: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Yield, for each angle, the slices of the first and of the second pixels of all pairs."""
    rows, columns = shape
    for angle in ANGLES:
        down, right = round(np.sin(angle) * distance), round(np.cos(angle) * distance)
        one = slice(0, rows - down), slice(max(0, -right), columns - max(0, right))
        other = slice(down, rows), slice(max(0, right), columns - max(0, -right))
        yield one, other
