"""Finding the head, cutting to it, and laying maps back onto the slice."""

import tracemalloc

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imip.inference.head import crop_to_head, find_head
from imip.inference.preprocessing import ModelInput, Region

SIDE = 128


def slice_with_head(shape: tuple[int, int], head: Region) -> NDArray[np.uint8]:
    pixels = np.zeros(shape, np.uint8)
    pixels[head.top : head.bottom, head.left : head.right] = 200
    return pixels


def near(found: Region, wanted: Region, pixels: int) -> bool:
    pairs = zip(
        (found.top, found.left, found.bottom, found.right),
        (wanted.top, wanted.left, wanted.bottom, wanted.right),
        strict=True,
    )
    return all(abs(one - other) <= pixels for one, other in pairs)


HEADS = [
    ((200, 200), Region(50, 60, 150, 140)),
    ((100, 400), Region(10, 200, 90, 390)),
    ((512, 256), Region(0, 0, 300, 256)),
    ((64, 48), Region(20, 10, 60, 40)),
]


@pytest.mark.parametrize(("shape", "head"), HEADS)
def test_the_head_is_found_within_two_thumbnail_pixels(shape: tuple[int, int], head: Region) -> None:
    assert near(find_head(slice_with_head(shape, head)), head, 1 + 2 * max(shape) // 96)


def test_specks_and_noise_in_the_air_are_no_head() -> None:
    head = Region(60, 60, 200, 200)
    pixels = slice_with_head((256, 256), head)
    pixels[5:7, 240:242] = 255
    pixels = np.maximum(pixels, np.random.default_rng(0).integers(0, 15, pixels.shape, np.uint8))
    assert near(find_head(pixels), head, 6)


@pytest.mark.parametrize("value", [0, 1, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (97, 95), (2000, 3)])
def test_a_blank_slice_of_any_shape_is_framed_whole(shape: tuple[int, int], value: int) -> None:
    model_input = crop_to_head(np.full(shape, value, np.uint8), SIDE)
    assert model_input.pixels.shape == (SIDE, SIDE) and model_input.pixels.dtype == np.uint8
    assert model_input.region == Region(0, 0, *shape)
    assert model_input.slice_shape == shape
    assert model_input.to_slice(np.ones((8, 8), np.float32)).shape == shape


def test_a_find_that_is_too_small_for_a_head_keeps_the_whole_slice() -> None:
    assert find_head(slice_with_head((200, 200), Region(90, 90, 110, 110))) == Region(0, 0, 200, 200)


def test_the_air_around_a_head_does_not_change_the_input() -> None:
    rows, columns = np.mgrid[:96, :96]
    texture = (160 + 60 * np.sin(rows / 15) * np.cos(columns / 11)).astype(np.uint8)
    close, middle, wide = (crop_to_head(np.pad(texture, margin), SIDE).pixels.astype(int) for margin in (12, 24, 48))
    for one, other in ((close, middle), (middle, wide)):
        inner = np.abs(one - other)[12:-12, 12:-12]
        assert inner.mean() < 12
    whole = np.asarray(np.pad(texture, 48)[::2, ::2][:96, :96], int)  # without the cut they would differ much more
    assert np.abs(whole - texture).mean() > 60


@pytest.mark.parametrize(("shape", "head"), HEADS)
def test_the_input_keeps_the_heads_aspect_and_brightness(shape: tuple[int, int], head: Region) -> None:
    model_input = crop_to_head(slice_with_head(shape, head), SIDE)
    rows, columns = (np.count_nonzero(model_input.pixels.max(axis=axis) > 100) for axis in (1, 0))
    assert max(rows, columns) > 0.9 * SIDE
    assert rows / columns == pytest.approx(head.height / head.width, rel=0.12)
    assert model_input.pixels.max() == 200


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


@pytest.mark.parametrize("shape", [(8192, 1), (1, 8192)])
def test_a_thin_slice_costs_its_own_size_only(shape: tuple[int, int]) -> None:
    model_input = crop_to_head(np.full(shape, 200, np.uint8), SIDE)
    tracemalloc.start()
    model_input.to_slice(np.ones((16, 16), np.float32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
