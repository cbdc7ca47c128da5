"""Finding the head in a slice and cutting to it."""

import numpy as np
import pytest

from imip.inference.head import crop_to_head, find_head
from imip.inference.preprocessing import Region
from tests.support.slices import HEADS, slice_with_head

SIDE = 128


def near(found: Region, wanted: Region, pixels: int) -> bool:
    pairs = zip(
        (found.top, found.left, found.bottom, found.right),
        (wanted.top, wanted.left, wanted.bottom, wanted.right),
        strict=True,
    )
    return all(abs(one - other) <= pixels for one, other in pairs)


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
