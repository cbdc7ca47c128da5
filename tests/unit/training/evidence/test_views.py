"""Views of a slice differ as hospitals and exports do, and a lesion stays where it is in the picture."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.support.lesions import DISC, LESION, TISSUE, mask_of, slice_of_head
from training.evidence.shapes import MAP, SIDE
from training.evidence.views import AS_IS, CUT, Chances, Cut, Lesion, Picture, cut, view

HEAD = cut(slice_of_head(lesion=DISC), mask_of(DISC))
OTHER = cut(slice_of_head(1), None).pixels // 2
EVERY = Chances.__slots__


def drawn(seed: int, chances: Chances = AS_IS, head: Cut = HEAD) -> tuple[Picture, Lesion]:
    return view(head, np.random.default_rng(seed), chances, lambda _: OTHER)


def only(name: str) -> Chances:
    return replace(AS_IS, **{name: 1.0})


def levels(pixels: Picture, lesion: Lesion) -> tuple[float, float]:
    """The mean grey level in a lesion and in the rest of the head."""
    assert lesion is not None
    inside = cv2.resize(lesion, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    return float(pixels[inside > 0.9].mean()), float(np.median(pixels[(inside == 0) & (pixels > 12)]))


def test_a_cut_keeps_the_slice_and_its_lesion_in_place() -> None:
    assert HEAD.lesion is not None
    assert HEAD.pixels.shape == HEAD.lesion.shape == (CUT, CUT)
    assert HEAD.pixels[HEAD.lesion == 255].min() > 180 > np.median(HEAD.pixels[HEAD.lesion == 0])
    margin = np.flatnonzero(HEAD.pixels.max(axis=1) > 20)
    assert 10 < margin[0] < 25 and CUT - 25 < margin[-1] < CUT - 10


def test_a_head_at_the_edge_of_a_slice_gets_its_margin_too() -> None:
    tight = slice_of_head()[5:115, 5:95]
    assert abs(cut(tight, None).pixels.astype(int) - cut(slice_of_head(), None).pixels).mean() < 8


def test_the_same_seed_gives_the_same_view_and_another_one_another() -> None:
    (one, lesion), (again, same_lesion), (other, _) = (drawn(seed, Chances()) for seed in (3, 3, 4))
    assert np.array_equal(one, again) and np.array_equal(lesion, same_lesion)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("seed", range(20))
def test_a_view_has_the_size_of_the_input_and_its_lesion_that_of_the_map(seed: int) -> None:
    pixels, lesion = drawn(seed, Chances())
    assert (pixels.shape, pixels.dtype) == ((SIDE, SIDE), np.uint8)
    assert lesion is not None and (lesion.shape, lesion.dtype) == ((MAP, MAP), np.float32)
    assert lesion.min() >= 0 and lesion.max() <= 1
    assert pixels.std() > 5


@pytest.mark.parametrize("seed", range(10))
def test_without_changes_a_slice_is_moved_a_little_and_looks_as_it_did(seed: int) -> None:
    pixels, lesion = drawn(seed)
    assert levels(pixels, lesion) == pytest.approx((LESION, TISSUE), abs=5)
    assert lesion is not None
    row, _ = np.argwhere(lesion > 0.5).mean(axis=0)
    assert row < MAP / 2  # the right way up
    head = np.argwhere(pixels > 20)
    assert head.mean(axis=0) == pytest.approx([SIDE / 2, SIDE / 2], abs=12)
    assert 0.4 < len(head) / SIDE**2 < 0.95


@pytest.mark.parametrize("name", EVERY)
def test_a_lesion_follows_its_picture_whatever_changes(name: str) -> None:
    for seed in range(6):
        pixels, lesion = drawn(seed, only(name))
        assert lesion is not None and lesion.sum() > 30
        inside, outside = levels(pixels, lesion)
        if name == "inverted":
            assert inside < outside - 20
        elif name == "relit":  # it may be as dark as the tissue
            assert outside == pytest.approx(TISSUE, abs=6)
        else:
            assert inside > outside + 20


@pytest.mark.parametrize("name", ["turned", "upended", "narrowed"])
def test_a_lesion_is_marked_to_the_cell(name: str) -> None:
    for seed in range(6):
        pixels, lesion = drawn(seed, only(name))
        assert lesion is not None
        bright = cv2.resize(
            (pixels > (LESION + TISSUE) / 2).astype(np.float32), (MAP, MAP), interpolation=cv2.INTER_AREA
        )
        assert np.minimum(bright, lesion).sum() / np.maximum(bright, lesion).sum() > 0.85


@pytest.mark.parametrize("seed", range(5))
def test_a_lesion_that_nobody_drew_stays_unknown(seed: int) -> None:
    pixels, lesion = drawn(seed, Chances(), replace(HEAD, lesion=None))
    assert lesion is None and pixels.shape == (SIDE, SIDE)


def test_a_relit_lesion_is_brighter_or_darker() -> None:
    found = [levels(*drawn(seed, only("relit")))[0] for seed in range(12)]
    assert min(found) < LESION - 40 and max(found) > LESION + 15


def test_a_stripped_head_has_lost_its_scalp() -> None:
    pixels = slice_of_head()
    cv2.ellipse(pixels, (50, 60), (44, 54), 0, 0, 360, 255, 2)
    with_scalp = cut(pixels, None)
    for seed in range(6):
        whole, stripped = (drawn(seed, chances, with_scalp)[0] for chances in (AS_IS, only("stripped")))
        assert np.count_nonzero(whole > 180) > 200
        assert np.count_nonzero(stripped > 180) == 0
        assert np.count_nonzero(stripped > 20) > 0.2 * SIDE**2


def test_borrowed_tones_are_those_of_the_other_slice() -> None:
    darker = [levels(*drawn(seed, only("toned")))[1] for seed in range(5)]
    assert np.mean(darker) == pytest.approx(TISSUE / 2, abs=10)


def test_air_stays_dark_where_dark_and_bright_are_swapped() -> None:
    pixels, _ = drawn(2, only("inverted"))
    assert np.median(pixels[:4]) < 20 and np.median(pixels[-4:]) < 20


def test_writing_lies_at_the_edge_and_not_on_the_head() -> None:
    plain = [drawn(seed)[0] for seed in range(12)]
    written = [drawn(seed, only("written_on"))[0] for seed in range(12)]
    touched = np.mean([one != other for one, other in zip(plain, written, strict=True)], axis=0)
    assert touched[:14].sum() + touched[-14:].sum() > 0
    assert touched[40:-40, 40:-40].sum() == 0
