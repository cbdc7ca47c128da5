"""A tree of arrays: how it is walked, and that nothing else is taken for one."""

import contextlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from imip.errors import ArtifactError
from imip.modules.brain_tree.tree import LEAF, MAX_DEVIATION, Tree


def tree(**changed: Any) -> Tree:
    """Is size above 2? If not, is age above 30?"""
    return Tree(
        **{
            "measures": np.array(["size", "age"]),
            "measure": np.array([0, 1, LEAF, LEAF, LEAF], np.int32),
            "threshold": np.array([2.0, 30.0, 0, 0, 0]),
            "left": np.array([1, 2, LEAF, LEAF, LEAF], np.int32),
            "right": np.array([4, 3, LEAF, LEAF, LEAF], np.int32),
            "shares": np.array([[0.5, 0.5], [0.7, 0.3], [0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], np.float32),
            "mean": np.array([2, 20], np.float32),
            "scale": np.array([1, 10], np.float32),
        }
        | changed
    )


def values(*numbers: float) -> Any:
    return np.array(numbers, np.float32)


@pytest.mark.parametrize(("measures", "leaf"), [((1, 10), 2), ((1, 40), 3), ((3, 10), 4), ((2, 30), 2), ((2.01, 0), 4)])
def test_a_scan_comes_to_its_leaf(measures: tuple[float, float], leaf: int) -> None:
    assert tree().path(values(*measures))[1] == leaf


def test_an_archive_with_any_byte_altered_is_a_tree_or_refused() -> None:
    data, rng = tree().to_bytes(), np.random.default_rng(0)
    for at in range(0, len(data), 3):
        altered = bytearray(data)
        altered[at] = rng.integers(256)
        with contextlib.suppress(ArtifactError):
            Tree.read(bytes(altered))


def test_the_path_tells_each_question_its_answer_and_what_it_changed() -> None:
    first, second = tree().path(values(1, 40))[0]
    assert (first.measure, first.value, first.threshold, first.above) == ("size", 1, 2, False)
    assert (second.measure, second.value, second.threshold, second.above) == ("age", 40, 30, True)
    assert first.gain == pytest.approx([0.2, -0.2]) and second.gain == pytest.approx([-0.1, 0.1])


def test_a_value_on_the_threshold_is_not_above_it() -> None:
    (step, *_), _ = tree().path(values(2, 0))
    assert not step.above


def test_a_tree_of_one_leaf_asks_nothing() -> None:
    lone = {name: getattr(tree(), name)[2:3] for name in ("measure", "threshold", "left", "right", "shares")}
    assert tree(**lone).path(values(1, 1)) == ((), 0)


def test_an_embedding_counts_standard_deviations_up_to_a_limit() -> None:
    assert tree().embed(values(3, 10)).tolist() == [1, -1]
    assert tree().embed(values(1e30, -1e30)).tolist() == [MAX_DEVIATION, -MAX_DEVIATION]


def test_written_and_read_again_it_is_the_same_bytes() -> None:
    written = tree().to_bytes()
    assert Tree.read(written).to_bytes() == written == tree().to_bytes()


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x03\x04 cut off", tree().to_bytes()[:-40]])
def test_bytes_that_are_no_tree_are_refused(data: bytes) -> None:
    with pytest.raises(ArtifactError, match="cannot be read"):
        Tree.read(data)


def test_a_missing_array_is_refused() -> None:
    file = io.BytesIO()
    np.savez(file, measure=np.zeros(3))
    with pytest.raises(ArtifactError, match="cannot be read"):
        Tree.read(file.getvalue())


def test_a_pickle_is_never_loaded(tmp_path: Any) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (open, (str(tmp_path / "sprung"), "w"))

    arrays: dict[str, Any] = {name: getattr(tree(), name) for name in Tree.__slots__}
    file = io.BytesIO()
    np.savez(file, **arrays | {"measures": np.array([Trap(), Trap()], object)})
    with pytest.raises(ArtifactError):
        Tree.read(file.getvalue())
    assert not (tmp_path / "sprung").exists()


BROKEN = {
    "a way back up": {"left": np.array([1, 0, LEAF, LEAF, LEAF], np.int32)},
    "a node that leads to itself": {"right": np.array([0, 3, LEAF, LEAF, LEAF], np.int32)},
    "a child that there is not": {"right": np.array([5, 3, LEAF, LEAF, LEAF], np.int32)},
    "a leaf with a child": {"left": np.array([1, 2, 3, LEAF, LEAF], np.int32)},
    "a question without a child": {"left": np.array([1, LEAF, LEAF, LEAF, LEAF], np.int32)},
    "an unknown measure": {"measure": np.array([2, 1, LEAF, LEAF, LEAF], np.int32)},
    "a negative measure": {"measure": np.array([-2, 1, LEAF, LEAF, LEAF], np.int32)},
    "no number for a threshold": {"threshold": np.array([np.nan, 30, 0, 0, 0])},
    "an endless threshold": {"threshold": np.array([np.inf, 30, 0, 0, 0])},
    "shares that are no probabilities": {"shares": np.full((5, 2), 0.6, np.float32)},
    "a negative share": {"shares": np.array([[1.5, -0.5]] * 5, np.float32)},
    "one label": {"shares": np.ones((5, 1), np.float32)},
    "too few shares": {"shares": np.full((4, 2), 0.5, np.float32)},
    "too few children": {"left": np.array([1, 2], np.int32)},
    "whole arrays missing": {name: np.array([], np.int32) for name in ("measure", "threshold", "left", "right")},
    "a scale of nothing": {"scale": np.array([1, 0], np.float32)},
    "a name too many": {"measures": np.array(["size", "age", "place"])},
    "numbers for names": {"measures": np.array([1.0, 2.0])},
    "fractions for children": {"left": np.array([1.0, 2, LEAF, LEAF, LEAF])},
    "words for shares": {"shares": np.array([["half", "half"]] * 5)},
}


@pytest.mark.parametrize("fault", BROKEN)
def test_arrays_that_are_no_tree_are_refused(fault: str) -> None:
    with pytest.raises(ArtifactError, match="is no decision tree"):
        replace(tree(), **BROKEN[fault])
    file = io.BytesIO()
    arrays: dict[str, Any] = {name: getattr(tree(), name) for name in Tree.__slots__}
    np.savez(file, **arrays | BROKEN[fault])
    with pytest.raises(ArtifactError):
        Tree.read(file.getvalue())
