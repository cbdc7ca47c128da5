"""Where the steps of a decision come from: found where a drawn texture lies, and counted by what a step changed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from imip.modules.brain_tree.regions import HEATMAP_SIDE, heatmaps
from imip.modules.brain_tree.texture import measure_texture
from imip.modules.brain_tree.tree import Step

SIDE = 128
ROWS, COLUMNS = np.indices((SIDE, SIDE))


def rough(rows: slice, columns: slice) -> NDArray[np.uint8]:
    """A plain bright slice with a rough patch."""
    picture = np.full((SIDE, SIDE), 180, np.uint8)
    board = np.where((ROWS + COLUMNS) % 2 == 0, 250, 110).astype(np.uint8)
    picture[rows, columns] = board[rows, columns]
    return picture


def step(measure: str, value: float, threshold: float, *moved: float) -> Step:
    return Step(measure, value, threshold, np.array(moved, np.float32))


def drawn(picture: NDArray[np.uint8], *steps: Step) -> NDArray[np.float32]:
    return heatmaps(steps, picture, measure_texture(picture), 2)


PICTURE = rough(slice(80, 112), slice(16, 48))
PATCH = np.zeros((HEATMAP_SIDE, HEATMAP_SIDE), bool)
PATCH[20:28, 4:12] = True


@pytest.mark.parametrize("measure", ["glcm_contrast_1", "lbp_1_0"])
def test_a_step_above_its_threshold_points_at_what_raised_the_measure(measure: str) -> None:
    value = measure_texture(PICTURE).features()[measure]
    heat = drawn(PICTURE, step(measure, value, value / 2, 0.4, -0.4))[..., 0]
    assert heat.shape == (HEATMAP_SIDE, HEATMAP_SIDE)
    assert heat[PATCH].sum() > 0.6 * heat.sum()
    assert PATCH[np.unravel_index(heat.argmax(), heat.shape)]


def test_a_step_below_its_threshold_points_at_the_rest() -> None:
    value = measure_texture(PICTURE).features()["glcm_contrast_1"]
    heat = drawn(PICTURE, step("glcm_contrast_1", value, 2 * value, 0.4, -0.4))[..., 0]
    assert heat[~PATCH].mean() > 5 * heat[PATCH].mean()


def test_a_step_counts_for_the_labels_it_raised_and_by_how_much() -> None:
    value = measure_texture(PICTURE).features()["glcm_contrast_1"]
    for_first = step("glcm_contrast_1", value, value / 2, 0.4, -0.4)
    for_second = step("glcm_contrast_1", value, value / 2, -0.1, 0.1)
    heat = drawn(PICTURE, for_first, for_second)
    assert heat[..., 0].max() == pytest.approx(0.4)
    assert heat[..., 1].max() == pytest.approx(0.1)
    assert np.allclose(heat[..., 0] / 0.4, heat[..., 1] / 0.1, atol=1e-5)


def test_an_asymmetry_is_shown_on_both_sides_of_the_middle() -> None:
    picture = np.full((SIDE, SIDE), 180, np.uint8)
    picture[80:112, 16:48] = 60
    heat = drawn(picture, step("symmetry", 0.9, 0.99, 0.3, -0.3))[..., 0]
    assert heat[24, 8] > 0.1 and heat[24, 23] > 0.1
    assert heat[4, 8] == pytest.approx(0, abs=1e-3)


def test_brightness_points_at_what_is_bright() -> None:
    picture = np.full((SIDE, SIDE), 80, np.uint8)
    picture[80:112, 16:48] = 200
    heat = drawn(picture, step("foreground_brightness", 88, 85, 0.3, -0.3))[..., 0]
    assert heat[PATCH].sum() > 0.7 * heat.sum()


@pytest.mark.parametrize("measure", ["foreground_aspect", "glcm_energy_1", "glcm_correlation_4", "shading_vertical"])
def test_a_measure_that_is_no_mean_over_the_head_has_no_place(measure: str) -> None:
    assert not drawn(PICTURE, step(measure, 1, 0.5, 0.4, -0.4)).any()


def test_no_steps_leave_no_heat() -> None:
    assert not drawn(PICTURE).any()


@pytest.mark.parametrize("value", [0, 255])
def test_a_blank_slice_gives_finite_heat(value: int) -> None:
    picture = np.full((SIDE, SIDE), value, np.uint8)
    steps = [step(name, 1, 0.5, 0.4, -0.4) for name in ("lbp_1_8", "symmetry", "foreground_brightness")]
    heat = drawn(picture, *steps)
    assert np.isfinite(heat).all() and (heat >= 0).all()
