"""The features of a scan: their values where a hand can compute them, and what moves them."""

import itertools
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imip.inference import features
from imip.inference import heatmap_features as heatmap_module
from imip.inference import region_features as region_module
from imip.inference.features import FEATURES, IMAGE_FEATURES, image_features
from imip.inference.heatmap_features import HEATMAP_FEATURES, heatmap_features
from imip.inference.region_features import REGION_FEATURES
from imip.scan.read import read_scan
from imip.scan.scan import Scan

Picture = NDArray[np.uint8]
SAMPLE = read_scan((Path(__file__).parents[4] / "samples/brain-axial.png").read_bytes()).pixels


def measured(pixels: Picture, **file: Any) -> dict[str, float]:
    facts: dict[str, Any] = {
        "format": "png",
        "size_bytes": 1000,
        "bit_depth": 8,
        "channels": 1,
        "frame": 0,
        "frames": 1,
    }
    return image_features(Scan(pixels=pixels, attributes={}, warnings=(), **facts | file))


def grey(values: NDArray[Any]) -> Picture:
    rounded: Picture = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


def disc(shape: tuple[int, int], row: float, column: float, radius: float, value: int = 200) -> Picture:
    rows, columns = np.indices(shape)
    return grey(value * (np.hypot(rows - row, columns - column) <= radius))


def noisy(pixels: Picture, sigma: float) -> Picture:
    return grey(pixels + np.random.default_rng(0).normal(0, sigma, pixels.shape))


def jpeg(pixels: Picture, quality: int) -> Picture:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(np.asarray(data), cv2.IMREAD_GRAYSCALE), np.uint8)


def coarse(pixels: Picture) -> Picture:
    small = cv2.resize(pixels, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, pixels.shape[::-1]), np.uint8)


def zoomed(pixels: Picture) -> Picture:
    rows, columns = (length // 5 for length in pixels.shape)
    return np.asarray(cv2.resize(pixels[rows:-rows, columns:-columns], pixels.shape[::-1]), np.uint8)


def test_the_names_stand_in_order_and_once() -> None:
    assert tuple(measured(SAMPLE)) == IMAGE_FEATURES
    assert tuple(heatmap_features(np.ones((4, 4), np.float32), 0.9)) == HEATMAP_FEATURES
    assert FEATURES == IMAGE_FEATURES + HEATMAP_FEATURES + REGION_FEATURES
    assert len(set(FEATURES)) == len(FEATURES) and len(IMAGE_FEATURES) >= 20


def test_every_feature_is_described_and_nothing_else() -> None:
    modules = (features, heatmap_module, region_module)
    functions = [value for module in modules for value in vars(module).values() if callable(value)]
    text = "\n".join(function.__doc__ or "" for function in functions if function.__module__.startswith("imip."))
    named = [names.split(", ") for names in features_named(text)]
    assert set(itertools.chain(*named)) == set(FEATURES)


def features_named(text: str) -> list[str]:
    """What stands before a colon at the start of a sentence, where it looks like names."""
    sentences = text.replace("\n", " \n").replace(". ", "\n").splitlines()
    heads = [sentence.strip().split(":")[0] for sentence in sentences if ":" in sentence]
    return [head for head in heads if all(word.isidentifier() and word.islower() for word in head.split(", "))]


SHAPES = [
    (1, 1),
    (1, 2),
    (2, 1),
    (2, 2),
    (3, 3),
    (1, 300),
    (300, 1),
    (9, 17),
    (16, 17),
    (700, 3),
    (1, 8192),
    (513, 511),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("content", [0, 1, 128, 255, "noise", "specks"])
def test_every_value_is_a_finite_float_whatever_the_slice(shape: tuple[int, int], content: int | str) -> None:
    random = np.random.default_rng(0)
    pixels = {
        "noise": random.integers(0, 256, shape, np.uint8),
        "specks": grey(255 * (random.random(shape) < 0.004)),
    }.get(str(content), np.full(shape, content if isinstance(content, int) else 0, np.uint8))
    values = measured(pixels)
    assert all(type(value) is float and math.isfinite(value) for value in values.values())


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_slice_has_no_head_no_texture_and_perfect_symmetry(value: int) -> None:
    values = measured(np.full((40, 50), value, np.uint8))
    zero = ("contrast_rms", "skewness", "kurtosis", "entropy_bits", "foreground_ratio", "noise_sigma", "blockiness")
    assert [values[name] for name in zero] == [0] * len(zero)
    assert values["symmetry"] == values["shading_radial"] == values["foreground_aspect"] / (40 / 50) == 1
    assert values["foreground_row"] == values["foreground_column"] == 0.5
    assert values["brightness_mean"] == value and values["background_ratio"] == 1


def test_the_file_is_described() -> None:
    values = measured(np.zeros((20, 50), np.uint8), size_bytes=2000, bit_depth=12, channels=3, frames=2)
    assert [values[name] for name in IMAGE_FEATURES[:6]] == [50, 20, 3, 12, 2000, 8]


def test_two_levels_in_equal_parts_have_one_bit_and_known_moments() -> None:
    pixels = np.repeat(np.array([[50, 150]], np.uint8), 64, axis=1).repeat(128, axis=0)
    values = measured(pixels)
    assert values["brightness_mean"] == 100 and values["contrast_rms"] == 50
    assert values["entropy_bits"] == 1 and values["skewness"] == 0 and values["kurtosis"] == -2
    assert values["dynamic_range"] == 100 and values["background_ratio"] == 0.5


def test_a_checkerboard_of_blocks_is_nothing_but_grid() -> None:
    board = grey(100 * np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((8, 8))))
    assert measured(board)["blockiness"] == 1
    assert measured(board[3:, 5:])["blockiness"] == 1


@pytest.mark.parametrize("shape", [(128, 128), (256, 256), (512, 384), (100, 90), (1024, 1024)])
def test_a_disc_is_found_where_it_is(shape: tuple[int, int]) -> None:
    row, column, radius = 0.45 * shape[0], 0.6 * shape[1], 0.25 * min(shape)
    values = measured(disc(shape, row, column, radius))
    assert values["foreground_ratio"] == pytest.approx(math.pi * radius**2 / shape[0] / shape[1], rel=0.08)
    assert values["foreground_row"] == pytest.approx(0.45, abs=0.01)
    assert values["foreground_column"] == pytest.approx(0.6, abs=0.01)
    assert values["foreground_aspect"] == pytest.approx(1, abs=0.03)
    assert values["air_brightness"] < 0.5


@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0, 20.0])
@pytest.mark.parametrize("shape", [(256, 256), (1500, 1200)])
def test_the_sigma_of_gaussian_noise_is_recovered(shape: tuple[int, int], sigma: float) -> None:
    slope = np.tile(np.linspace(90, 160, shape[1]), (shape[0], 1))
    assert measured(noisy(slope, sigma))["noise_sigma"] == pytest.approx(sigma, rel=0.04)


def test_the_air_around_a_head_does_not_change_its_noise_or_brightness() -> None:
    head = noisy(np.full((200, 200), 150, np.uint8), 8)
    close, wide = (measured(np.pad(head, margin)) for margin in (20, 120))
    for name in ("noise_sigma", "foreground_brightness", "edge_ratio"):
        assert wide[name] == pytest.approx(close[name], rel=0.06)
    assert wide["foreground_ratio"] < close["foreground_ratio"] / 2


@pytest.mark.parametrize("width", [256, 255, 120])
def test_a_symmetric_slice_has_symmetry_one_wherever_its_axis_is(width: int) -> None:
    half = noisy(disc((256, width), 128, width - 1, 100), 20)
    both = np.hstack([half, half[:, ::-1]])
    assert measured(both)["symmetry"] == pytest.approx(1, abs=0.002)
    blob = disc((256, 256), 120, 80, 50)
    assert measured(blob)["symmetry"] == pytest.approx(1, abs=0.02)
    blob[100:120, 100:120] = 20
    assert measured(blob)["symmetry"] < 0.95


def test_shading_is_the_relative_slope_over_one_spread_of_the_head() -> None:
    places = np.linspace(-1, 1, 128) * math.sqrt(3)  # of spread 1
    values = measured(np.pad(np.tile(grey(150 * (1 + 0.2 * places)), (128, 1)), 64))
    assert values["shading_horizontal"] == pytest.approx(0.2, abs=0.005)
    assert values["shading_vertical"] == pytest.approx(0, abs=0.001)


def test_clipping_counts_white_pixels_anywhere_and_black_ones_in_the_head_alone() -> None:
    pixels = np.pad(np.full((128, 128), 150, np.uint8), 64)
    pixels[80:112, 80:112] = 255
    pixels[120:152, 120:152] = 0
    values = measured(pixels)
    assert values["white_ratio"] == 32**2 / 256**2
    assert values["foreground_black_ratio"] == pytest.approx(32**2 / 128**2, rel=0.1)


def test_a_ghost_of_the_whole_head_has_its_share_of_the_brightness() -> None:
    pixels = np.zeros((256, 256), np.uint8)
    pixels[64:192, 64:192] = 200
    assert measured(pixels)["ghosting_ratio"] == 0
    ghosted = grey(pixels + 0.1 * np.roll(pixels, 128, axis=0))
    assert measured(ghosted)["ghosting_ratio"] == pytest.approx(0.05, rel=0.1)  # half of each strip lies in the ghost


UP, DOWN = 1, -1
DEGRADATIONS: list[tuple[str, Picture, dict[str, int]]] = [
    ("noise", noisy(SAMPLE, 10), {"noise_sigma": UP, "noise_ratio": UP, "entropy_bits": UP, "air_brightness": UP}),
    ("blur", np.asarray(cv2.GaussianBlur(SAMPLE, (0, 0), 2)), {"sharpness": DOWN, "detail_ratio": DOWN}),
    ("brighter", grey(SAMPLE + 30.0), {"brightness_mean": UP, "foreground_brightness": UP, "border_brightness": UP}),
    ("contrast", grey((SAMPLE - 128.0) * 0.6 + 128), {"contrast_rms": DOWN, "dynamic_range": DOWN}),
    ("gamma", grey(255 * (SAMPLE / 255.0) ** 2), {"foreground_midtone": DOWN, "foreground_brightness": DOWN}),
    ("bias right", grey(SAMPLE * np.linspace(0.7, 1.3, SAMPLE.shape[1])), {"shading_horizontal": UP, "symmetry": DOWN}),
    ("bias top", grey(SAMPLE * np.linspace(1.3, 0.7, SAMPLE.shape[0])[:, None]), {"shading_vertical": DOWN}),
    ("ghost", grey(0.8 * SAMPLE + 0.2 * np.roll(SAMPLE, SAMPLE.shape[0] // 2, axis=0)), {"ghosting_ratio": UP}),
    ("coarse", coarse(SAMPLE), {"sharpness": DOWN, "detail_ratio": DOWN, "noise_sigma": DOWN}),
    ("jpeg", jpeg(SAMPLE, 10), {"blockiness": UP}),
    ("jpeg, then cut", jpeg(SAMPLE, 10)[3:, 5:], {"blockiness": UP}),
    (
        "inverted",
        cv2.bitwise_not(SAMPLE).astype(np.uint8),
        {"skewness": DOWN, "border_brightness": UP, "white_ratio": UP},
    ),
    ("zoomed", zoomed(SAMPLE), {"foreground_ratio": UP, "background_ratio": DOWN}),
    ("clipped", grey(SAMPLE * 2.0), {"white_ratio": UP}),
    ("stretched", np.asarray(cv2.resize(SAMPLE, (200, 300))), {"foreground_aspect": UP}),
]


@pytest.mark.parametrize(
    ("degraded", "moved"), [case[1:] for case in DEGRADATIONS], ids=[case[0] for case in DEGRADATIONS]
)
def test_a_degradation_moves_the_features_meant_to_notice_it(degraded: Picture, moved: dict[str, int]) -> None:
    before, after = measured(SAMPLE), measured(degraded)
    for name, direction in moved.items():
        assert direction * (after[name] - before[name]) > 0.05 * max(abs(before[name]), 0.5), name


def test_layout_and_grey_levels_do_not_depend_on_the_size_of_the_slice() -> None:
    small = measured(SAMPLE)
    for factor in (2, 4):
        large = measured(SAMPLE.repeat(factor, axis=0).repeat(factor, axis=1))
        for name in IMAGE_FEATURES[IMAGE_FEATURES.index("brightness_mean") : IMAGE_FEATURES.index("noise_sigma")]:
            assert large[name] == pytest.approx(small[name], rel=0.02, abs=0.01), name


def test_evidence_on_one_cell_is_placed_in_its_middle() -> None:
    heatmap = np.zeros((4, 8), np.float32)
    heatmap[1, 6] = 3
    values = heatmap_features(heatmap, 0.75)
    assert values == {
        "confidence": 0.75,
        "evidence_area_ratio": 1 / 32,
        "evidence_row": 1.5 / 4,
        "evidence_column": 6.5 / 8,
        "evidence_peak_row": 1.5 / 4,
        "evidence_peak_column": 6.5 / 8,
        "evidence_peak": 3,
    }


def test_even_evidence_is_centred_and_covers_everything() -> None:
    values = heatmap_features(np.full((16, 16), 0.5, np.float32), 1)
    assert values["evidence_area_ratio"] == 1
    assert values["evidence_row"] == values["evidence_column"] == pytest.approx(0.5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (16, 16)])
@pytest.mark.parametrize("heat", [0.0, 1e-45, 1e-30, 3e38])
def test_evidence_is_finite_down_to_none_at_all(shape: tuple[int, int], heat: float) -> None:
    values = heatmap_features(np.full(shape, heat, np.float32), 0.5)
    assert all(type(value) is float and math.isfinite(value) for value in values.values())
    assert values["evidence_row"] == pytest.approx(0.5)
    assert values["evidence_area_ratio"] == (heat > 0)
