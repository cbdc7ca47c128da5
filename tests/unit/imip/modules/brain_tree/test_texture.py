"""Textures: their values where a hand can compute them, what must not move them, and where they lie."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imip.inference.head import crop_to_head
from imip.modules.brain_tree.texture import (
    DISTANCES,
    PATTERNS,
    RADII,
    TEXTURE_FEATURES,
    measure_texture,
    texture_features,
)
from imip.scan.read import read_scan
from tests.support.server import REPOSITORY

Picture = NDArray[np.uint8]
SIDE = 64
HEAD = crop_to_head(read_scan((REPOSITORY / "samples" / "brain-axial.png").read_bytes()).pixels, 128).pixels
ROWS, COLUMNS = np.indices((SIDE, SIDE))
PICTURES = {
    "black": np.zeros((SIDE, SIDE), np.uint8),
    "white": np.full((SIDE, SIDE), 255, np.uint8),
    "one bright pixel": np.where((ROWS == 9) & (COLUMNS == 9), 255, 0).astype(np.uint8),
    "line": np.where(ROWS == COLUMNS, 255, 0).astype(np.uint8),
    "noise": np.random.default_rng(0).integers(0, 256, (SIDE, SIDE)).astype(np.uint8),
    "head": HEAD,
}
CHECKERBOARD = np.where((ROWS + COLUMNS) % 2 == 0, 250, 150).astype(np.uint8)


@pytest.mark.parametrize("name", PICTURES)
def test_every_texture_is_a_finite_number_in_order_and_patterns_share_the_head(name: str) -> None:
    measured = texture_features(PICTURES[name])
    assert tuple(measured) == TEXTURE_FEATURES
    assert np.isfinite(list(measured.values())).all()
    for radius in RADII:
        assert sum(measured[f"lbp_{radius}_{pattern}"] for pattern in range(PATTERNS)) == pytest.approx(1)


def test_a_checkerboard_is_as_a_hand_computes_it() -> None:
    measured = texture_features(CHECKERBOARD)
    # Of the four directions two meet the other colour, 15 levels away, and two the same.
    assert measured["glcm_contrast_1"] == pytest.approx(15**2 / 2, rel=0.02)
    assert measured["glcm_homogeneity_1"] == pytest.approx((1 + 1 / (1 + 15**2)) / 2, rel=0.02)
    assert measured["glcm_contrast_4"] < 15**2 / 4  # an even number of fields on, diagonals of three set apart
    assert measured["lbp_1_8"] == pytest.approx(0.5, abs=0.05)  # a dark field has no darker neighbour


def test_a_plain_surface_has_no_contrast() -> None:
    measured = texture_features(PICTURES["white"])
    for distance in DISTANCES:
        assert measured[f"glcm_contrast_{distance}"] == 0
        assert measured[f"glcm_homogeneity_{distance}"] == 1


@pytest.mark.parametrize("gain", [0.6, 0.8])
def test_brightness_hardly_moves_the_texture_of_a_head(gain: float) -> None:
    before, after = (
        np.array(list(texture_features(p).values())) for p in (HEAD, np.rint(HEAD * gain).astype(np.uint8))
    )
    unlike = texture_features(cv2.GaussianBlur(HEAD, (0, 0), 2))
    assert np.abs(after - before).max() < 0.35
    assert np.abs(np.array(list(unlike.values())) - before).max() > 2 * np.abs(after - before).max()


def test_a_mirrored_head_has_the_same_texture() -> None:
    mirrored = texture_features(np.ascontiguousarray(HEAD[:, ::-1]))
    assert list(mirrored.values()) == pytest.approx(list(texture_features(HEAD).values()), abs=0.02)


def test_what_stands_in_the_air_does_not_count() -> None:
    speckled = HEAD.copy()
    air = cv2.dilate(measure_texture(HEAD).tissue.astype(np.uint8), np.ones((15, 15))) == 0
    assert air.any()
    speckled[air] = np.random.default_rng(0).integers(0, 4, np.count_nonzero(air))
    assert texture_features(speckled) == pytest.approx(texture_features(HEAD))


@pytest.mark.parametrize("name", PICTURES)
def test_a_place_adds_up_to_the_number_that_it_explains(name: str) -> None:
    surface = measure_texture(PICTURES[name])
    placed = {feature: parts for feature in TEXTURE_FEATURES if (parts := surface.value_and_weight(feature))}
    assert len(placed) == len(RADII) * PATTERNS + 2 * len(DISTANCES)
    measured = surface.features()
    for feature, (added, weight) in placed.items():
        assert added.shape == weight.shape == PICTURES[name].shape
        if weight.any():
            assert added.sum() / weight.sum() == pytest.approx(measured[feature], rel=1e-4, abs=1e-5)


def test_a_rough_patch_is_found_where_it_is() -> None:
    picture = np.full((SIDE, SIDE), 200, np.uint8)
    picture[40:60, 4:24] = CHECKERBOARD[40:60, 4:24]
    parts = measure_texture(picture).value_and_weight("glcm_contrast_1")
    assert parts is not None
    added = parts[0]
    assert added[39:61, 3:25].sum() == pytest.approx(added.sum())
