"""Which slices are drawn how often, and what the network is judged on while it is trained."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.support.lesions import DISC, sample_of, slice_of_head, with_lesion
from training.data.brain import SOURCES
from training.data.samples import Origin, Sample
from training.evidence.network import EVIDENCE, FOREIGN, SCAN, TYPE
from training.evidence.shapes import MAP, SIDE
from training.evidence.synthetic_t2 import SYNTHETIC
from training.evidence.training import SYNTHETIC_WEIGHT, WEIGHTS, chances, held_out

HEAD = slice_of_head()


def of(source: str | None, sequence: str = "t1") -> Sample:
    return sample_of(HEAD, f"{source}.png", origin=source and Origin(source, sequence=sequence))


def test_a_slice_is_drawn_as_often_as_its_source_says_and_half_as_often_if_it_only_looks_like_t2() -> None:
    drawn = chances([of(None), of("ms-ljubljana"), of("ms-ljubljana", SYNTHETIC), of("lgg-du", "flair")])
    assert drawn.sum() == pytest.approx(1)
    assert drawn / drawn[0] == pytest.approx(
        [1, WEIGHTS["ms-ljubljana"], WEIGHTS["ms-ljubljana"] * SYNTHETIC_WEIGHT, WEIGHTS["lgg-du"]]
    )


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_is_drawn(source: str) -> None:
    assert chances([of(source)]).tolist() == [1.0]


@pytest.fixture(scope="module")
def validation() -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    return held_out(samples(), seed=7)


def samples() -> list[Sample]:
    return [
        with_lesion(1, "1.png", "meningioma"),
        replace(sample_of(slice_of_head(2, DISC), "2.png", "glioma")),
        sample_of(slice_of_head(3), "3.png"),
    ]


def test_each_validation_slice_is_seen_once_with_what_is_known_of_it(validation) -> None:
    inputs, answers = validation
    assert inputs.shape == (3, SIDE, SIDE, 1)
    assert answers[EVIDENCE].shape == (3, MAP, MAP, 1)
    assert answers[SCAN][:, 0].tolist() == [1, 1, 0]
    assert answers[TYPE].tolist() == [0, 1, -1]
    assert answers[FOREIGN].max() == 0
    assert [answers[EVIDENCE][row].max() for row in range(3)] == pytest.approx([1, -1, 0], abs=0.1)


def test_validation_is_the_same_in_every_run(validation) -> None:
    inputs, answers = held_out(samples(), seed=7)
    assert np.array_equal(inputs, validation[0])
    assert all(np.array_equal(answers[name], validation[1][name]) for name in answers)
