"""What the network is shown, and what it should answer: unknown where nobody drew the lesion, nothing where none is."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.lesions import DISC, sample_of, slice_of_head, with_lesion
from training.evidence import batches
from training.evidence.batches import TYPED, ViewBatches, targets
from training.evidence.losses import UNKNOWN
from training.evidence.network import EVIDENCE, FOREIGN, SCAN, TYPE
from training.evidence.shapes import MAP, SIDE
from training.evidence.views import AS_IS

LESION = np.eye(MAP, dtype=np.float32)
SAMPLES = [
    with_lesion(0, "0.png"),
    sample_of(slice_of_head(1), "1.png"),
    sample_of(slice_of_head(2, DISC), "2.png", "pituitary"),
]
EVEN = np.ones(3) / 3


def made(chances: np.ndarray = EVEN, drawn: int = 24, seed: int = 5) -> ViewBatches:
    return ViewBatches(SAMPLES, chances, AS_IS, drawn=drawn, batch_size=8, seed=seed)


def always(number: int) -> np.ndarray:
    return np.eye(3)[number]


@pytest.fixture
def no_foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "FOREIGN_SHARE", 0.0)


def test_a_lesion_is_asked_for_where_it_was_drawn_and_nowhere_else() -> None:
    evidence = targets(["glioma", "glioma", "notumor", FOREIGN], [LESION, None, None, None])[EVIDENCE]
    assert evidence.shape == (4, MAP, MAP, 1)
    assert np.array_equal(evidence[0, :, :, 0], LESION)
    assert (evidence[1] == UNKNOWN).all()
    assert (evidence[2:] == 0).all()


def test_a_scan_is_asked_for_tumor_type_and_whether_it_is_foreign() -> None:
    answers = targets(["notumor", *TYPED, "tumor", FOREIGN], [None] * 6)
    assert answers[SCAN][:, 0].tolist() == [0, 1, 1, 1, 1, 0]
    assert answers[TYPE].tolist() == [UNKNOWN, 0, 1, 2, UNKNOWN, UNKNOWN]
    assert answers[FOREIGN][:, 0].tolist() == [0, 0, 0, 0, 0, 1]


def test_a_batch_follows_from_its_epoch_alone() -> None:
    one, again, later = made(), made(), made()
    later.start(3)
    inputs, answers = one[1]
    assert inputs.shape == (8, SIDE, SIDE, 1) and inputs.dtype == np.float32
    assert {name: len(target) for name, target in answers.items()} == dict.fromkeys((EVIDENCE, SCAN, TYPE, FOREIGN), 8)
    assert np.array_equal(again[1][0], inputs)
    assert not np.array_equal(later[1][0], inputs)
    assert not np.array_equal(one[0][0], inputs)


@pytest.mark.usefixtures("no_foreign")
def test_slices_come_with_their_own_targets() -> None:
    for number, (is_tumor, kind) in enumerate(
        [(1, TYPED.index("glioma")), (0, UNKNOWN), (1, TYPED.index("pituitary"))]
    ):
        _, answers = made(always(number))[0]
        assert set(answers[SCAN].ravel().tolist()) == {is_tumor}
        assert set(answers[TYPE].tolist()) == {kind}
        assert answers[FOREIGN].max() == 0
    assert made(always(0))[0][1][EVIDENCE].max() == 1
    assert made(always(1))[0][1][EVIDENCE].max() == made(always(1))[0][1][EVIDENCE].min() == 0
    assert set(made(always(2))[0][1][EVIDENCE].ravel().tolist()) == {UNKNOWN}


def test_some_views_are_of_foreign_pictures() -> None:
    many = made(drawn=800)
    share = np.mean(np.concatenate([many[number][1][FOREIGN] for number in range(len(many))]))
    assert share == pytest.approx(batches.FOREIGN_SHARE, abs=0.03)


def test_what_is_foreign_has_no_tumor_wherever_it_was_drawn_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "FOREIGN_SHARE", 1.0)
    _, answers = made(always(0))[0]
    assert answers[FOREIGN].min() == 1
    assert answers[SCAN].max() == answers[EVIDENCE].max() == 0
    assert set(answers[TYPE].tolist()) == {UNKNOWN}


@pytest.mark.usefixtures("no_foreign")
def test_views_may_take_the_tones_of_any_slice() -> None:
    toned = ViewBatches(SAMPLES, always(1), replace(AS_IS, toned=1.0), drawn=16, batch_size=8, seed=1)
    levels = {int(np.median(pixels[pixels > 12])) for number in range(2) for pixels in toned[number][0]}
    assert len(levels) > 1
