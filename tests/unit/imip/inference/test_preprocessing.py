"""A map over a model's input is laid back onto the slice that the input was cut from."""

import tracemalloc

import cv2
import numpy as np
import pytest

from imip.inference.head import crop_to_head
from imip.inference.preprocessing import ModelInput, Region
from tests.support.slices import HEADS, slice_with_head

SIDE = 128


@pytest.mark.parametrize(("shape", "head"), HEADS)
def test_a_spot_in_the_input_is_laid_back_where_it_was_in_the_slice(shape: tuple[int, int], head: Region) -> None:
    row, column = head.top + head.height // 4, head.left + 3 * head.width // 4
    pixels = slice_with_head(shape, head)
    mark = max(2, min(head.height, head.width) // 12)
    pixels[row - mark : row + mark, column - mark : column + mark] = 255
    model_input = crop_to_head(pixels, SIDE)
    bright = np.where(model_input.pixels > 230, 1, 0).astype(np.float32)
    assert bright.any()
    placed = model_input.to_slice(bright)
    found = np.argwhere(placed > 0.5).mean(axis=0)
    assert np.abs(found - (row, column)).max() <= 2 + max(head.height, head.width) / 64


@pytest.mark.parametrize(("shape", "head"), HEADS)
def test_nothing_is_laid_outside_the_head(shape: tuple[int, int], head: Region) -> None:
    model_input = crop_to_head(slice_with_head(shape, head), SIDE)
    placed = model_input.to_slice(np.ones((16, 16), np.float32))
    inside = placed[
        model_input.region.top : model_input.region.bottom, model_input.region.left : model_input.region.right
    ]
    assert inside == pytest.approx(1)
    assert placed.sum() == pytest.approx(inside.size)


@pytest.mark.parametrize(
    ("shape", "head"), [*HEADS, ((300, 7), Region(0, 0, 300, 7)), ((9, 200), Region(1, 20, 8, 190))]
)
def test_a_map_lies_as_if_the_whole_padded_square_had_been_resized(shape: tuple[int, int], head: Region) -> None:
    map_ = np.random.default_rng(1).random((16, 12), np.float32)
    longest = max(head.height, head.width)
    square = cv2.resize(map_, (longest, longest), interpolation=cv2.INTER_LINEAR)
    top, left = (longest - head.height) // 2, (longest - head.width) // 2
    placed = ModelInput(np.zeros((SIDE, SIDE), np.uint8), head, shape).to_slice(map_)
    inside = placed[head.top : head.bottom, head.left : head.right]
    assert np.abs(inside - square[top : top + head.height, left : left + head.width]).max() < 1e-5


@pytest.mark.parametrize(
    ("shape", "head"), [*HEADS, ((300, 7), Region(0, 0, 300, 7)), ((9, 200), Region(1, 20, 8, 190))]
)
def test_a_point_lies_where_a_map_is_laid(shape: tuple[int, int], head: Region) -> None:
    model_input = ModelInput(np.zeros((SIDE, SIDE), np.uint8), head, shape)
    shares = (np.arange(512) + 0.5) / 512
    rows, columns = (np.broadcast_to(axis, (512, 512)).astype(np.float32) for axis in (shares[:, None], shares))
    for across, map_ in ((0, rows), (1, columns)):
        placed = model_input.to_slice(map_)
        points = model_input.points_to_slice(np.stack([shares, shares], axis=1))
        inside = [(point, share) for point, share in zip(points[:, across], shares, strict=True)]
        low, high = ((head.top, head.bottom), (head.left, head.right))[across]
        line = placed[:, (head.left + head.right) // 2] if across == 0 else placed[(head.top + head.bottom) // 2]
        seen = [(line[int(point)], share) for point, share in inside if low <= point < high]
        assert seen
        step = 1 / max(head.height, head.width)  # of the map, for a pixel of the slice
        assert np.abs(np.subtract(*np.array(seen).T)).max() <= step


@pytest.mark.parametrize("shape", [(8192, 1), (1, 8192)])
def test_a_thin_slice_costs_its_own_size_only(shape: tuple[int, int]) -> None:
    model_input = crop_to_head(np.full(shape, 200, np.uint8), SIDE)
    tracemalloc.start()
    model_input.to_slice(np.ones((16, 16), np.float32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_region_knows_its_sides() -> None:
    region = Region(1, 2, 11, 32)
    assert (region.height, region.width) == (10, 30)
