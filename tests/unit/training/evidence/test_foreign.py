"""Pictures that are no brain MRI: of every kind, and a painted CT looks like one."""

from collections import Counter

import numpy as np
import pytest

from tests.support.lesions import slice_of_head
from training.evidence import foreign
from training.evidence.foreign import CHANCES, DRAWN, ForeignPictures, paint_ct
from training.evidence.views import CUT, cut

HEADS = [cut(slice_of_head(seed), None) for seed in range(3)]


CT = [cut(paint_ct(head.pixels, np.random.default_rng(9)), None) for head in HEADS[:2]]


@pytest.fixture(scope="module")
def pictures() -> ForeignPictures:
    return ForeignPictures(HEADS, CT)


def test_a_picture_is_a_cut_without_a_lesion_and_follows_from_its_seed(pictures: ForeignPictures) -> None:
    seen = set()
    for seed in range(40):
        one, again = (pictures.draw(np.random.default_rng(seed)) for _ in range(2))
        assert (one.pixels.shape, one.pixels.dtype, one.lesion) == ((CUT, CUT), np.uint8, None)
        assert np.array_equal(one.pixels, again.pixels)
        seen.add(one.pixels.tobytes())
    assert len(seen) > 30


def test_every_kind_is_drawn_as_often_as_it_should(pictures: ForeignPictures, monkeypatch: pytest.MonkeyPatch) -> None:
    def flat(level: int) -> np.ndarray:
        return np.full((8, 8), level, np.uint8)

    monkeypatch.setattr(foreign, "paint_ct", lambda *_: flat(1))
    monkeypatch.setattr(foreign, "_part", lambda *_: flat(2))
    monkeypatch.setattr(foreign, "DRAWN", [lambda _, kind=kind: flat(kind + 3) for kind in range(len(DRAWN))])
    rng = np.random.default_rng(0)
    drawn = [pictures.draw(rng) for _ in range(1000)]
    counts = Counter(0 if any(one is ct for ct in CT) else int(one.pixels[0, 0]) for one in drawn)
    assert [counts[kind] / 1000 for kind in range(len(CHANCES))] == pytest.approx(CHANCES, abs=0.05)
    assert counts.total() == 1000


def test_where_no_ct_is_at_hand_more_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    painted = np.full((8, 8), 77, np.uint8)
    monkeypatch.setattr(foreign, "paint_ct", lambda *_: painted)
    rng = np.random.default_rng(0)
    shares = np.mean([ForeignPictures(HEADS).draw(rng).pixels[0, 0] == 77 for _ in range(1000)])
    assert shares == pytest.approx(CHANCES[0] + CHANCES[1], abs=0.05)


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__.strip("_"))
def test_each_kind_is_another_picture_each_time(draw) -> None:
    drawn = [draw(np.random.default_rng(seed)) for seed in range(12)]
    assert len({picture.tobytes() for picture in drawn}) > 10
    assert {(picture.ndim, picture.dtype) for picture in drawn} == {(2, np.dtype(np.uint8))}


@pytest.mark.parametrize("seed", range(12))
def test_a_painted_ct_has_a_white_ring_around_tissue_nearly_of_one_gray(seed: int) -> None:
    head = HEADS[seed % 3].pixels
    picture = paint_ct(head, np.random.default_rng(seed))
    row = picture[CUT // 2]
    bone = np.flatnonzero(row > 190)
    assert bone[0] < CUT / 4 < 3 * CUT / 4 < bone[-1]
    middle = picture[CUT // 2 - 25 : CUT // 2 + 25, CUT // 2 - 25 : CUT // 2 + 25].astype(float)
    assert 40 < np.median(middle) < 170
    assert middle.std() < 45
    assert picture[:6].max() < 20


def test_no_kind_is_nearly_a_head_of_the_training(pictures: ForeignPictures) -> None:
    for seed in range(40):
        drawn = pictures.draw(np.random.default_rng(seed)).pixels
        assert all(abs(drawn.astype(int) - head.pixels).mean() > 8 for head in HEADS)
