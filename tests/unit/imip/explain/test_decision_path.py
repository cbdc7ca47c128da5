"""The path as a picture: as long as the path, readable at any width, and the way taken stands out."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from imip.explain import decision_path
from imip.explain.decision_path import MAX_FONT_SCALE, MIN_WIDTH, ORANGE, WHITE, append_decision_path, draw_path
from imip.prediction import Compared, Prediction, Reason

ABOVE = Reason("left-right symmetry 0.912 is above 0.83", "symmetry", 0.912, 0.83, "above")
BELOW = replace(ABOVE, text="left-right symmetry 0.5 is at most 0.83", value=0.5, compared="at most")
MEASURE = Reason("error 0.8 standard deviations above the mean", "error", 0.8, None, None)
PREDICTION = Prediction(
    at=datetime(2025, 3, 5, tzinfo=UTC),
    request_id="0" * 32,
    module="brain-tree",
    version="1",
    format="png",
    label="Glioma",
    confidence=0.8,
    probabilities={"No Tumor": 0.05, "Meningioma": 0.1, "Glioma": 0.8, "Pituitary": 0.05},
    decision="confident",
    warnings=(),
    seconds={},
    attributes={},
    features={},
    embedding=np.zeros(1, np.float32),
    reasons=(ABOVE,),
)


def drawn(*reasons: Reason, width: int = MIN_WIDTH) -> NDArray[np.uint8]:
    return draw_path(replace(PREDICTION, reasons=reasons), width)


def coloured(panel: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return (panel == np.array(colour, np.uint8)).all(axis=2)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Every line of words that is written from here on, and the size of its letters."""
    lines: list[tuple[str, float]] = []
    write = decision_path._write

    def noting(panel, text, at, size, colour) -> None:
        lines.append((text, size))
        write(panel, text, at, size, colour)

    monkeypatch.setattr(decision_path, "_write", noting)
    return lines


@pytest.mark.parametrize("width", [1, 320, 500, 1024])
def test_it_is_as_wide_as_asked_but_never_too_narrow_to_read(width: int) -> None:
    panel = draw_path(PREDICTION, width)
    assert panel.shape[1] == max(width, MIN_WIDTH) and panel.dtype == np.uint8


def test_each_step_adds_the_same_height() -> None:
    one, two, three = (drawn(*[ABOVE] * n).shape[0] for n in (1, 2, 3))
    assert three - two == two - one > 0


def test_the_way_taken_stands_out_on_its_side() -> None:
    for reason, takes_right in ((ABOVE, True), (BELOW, False)):
        fork = coloured(drawn(reason), ORANGE)[31:57]
        left, right = fork[:, : MIN_WIDTH // 2 - 20].sum(), fork[:, MIN_WIDTH // 2 + 20 :].sum()
        assert (right > left) == takes_right


@pytest.mark.parametrize(
    ("compared", "ways"),
    [
        ("below", ["below 0.83", "at least 0.83"]),
        ("at least", ["below 0.83", "at least 0.83"]),
        ("at most", ["at most 0.83", "above 0.83"]),
        ("above", ["at most 0.83", "above 0.83"]),
    ],
)
def test_the_ways_are_named_as_the_decision_compares(
    written: list[tuple[str, float]], compared: Compared, ways: list[str]
) -> None:
    drawn(replace(ABOVE, compared=compared))
    assert [text for text, _ in written if text.endswith(" 0.83") and "symmetry" not in text] == ways


def test_a_value_on_its_threshold_goes_the_way_that_the_decision_went() -> None:
    sides = []
    for compared in ("at most", "at least"):
        fork = coloured(drawn(replace(ABOVE, value=0.83, compared=compared)), ORANGE)[31:57]
        sides.append(fork[:, MIN_WIDTH // 2 + 20 :].sum() > fork[:, : MIN_WIDTH // 2 - 20].sum())
    assert sides == [False, True]


def test_a_measure_that_was_asked_nothing_has_no_ways_out() -> None:
    after_box = 29
    assert not drawn(MEASURE)[after_box : after_box + 6].any()
    assert drawn(ABOVE)[after_box : after_box + 6].any()
    assert len(drawn(MEASURE)) < len(drawn(ABOVE))


def test_all_words_are_of_one_size_and_long_sentences_are_broken_into_lines(written: list[tuple[str, float]]) -> None:
    long = replace(ABOVE, text="share of a thing with a name that goes on and on " * 3)
    panel = drawn(long, MEASURE, BELOW)
    assert {size for _, size in written} == {MAX_FONT_SCALE}
    assert not coloured(panel, WHITE)[:, -6:].any() and not panel[:, -5:].any()
    assert " ".join(text for text, _ in written).startswith(long.text.strip())


def test_a_word_or_label_too_long_for_its_place_makes_all_words_smaller(written: list[tuple[str, float]]) -> None:
    for longer in (
        replace(PREDICTION, reasons=(replace(ABOVE, text="w" * 70),)),
        replace(PREDICTION, probabilities={"A label of quite a length": 0.5, "B": 0.5}),
    ):
        written.clear()
        panel = draw_path(longer, MIN_WIDTH)
        (size,) = {size for _, size in written}
        assert size < MAX_FONT_SCALE
        assert not panel[:, -5:].any()


def test_the_more_probable_label_has_the_longer_bar() -> None:
    bars = coloured(drawn(ABOVE), ORANGE)[-78:, MIN_WIDTH // 3 : 2 * MIN_WIDTH // 3 - 10]
    lengths = [int(bars[start : start + 18].sum()) for start in (0, 18, 36, 54)]
    assert lengths[2] == max(lengths) > 3 * lengths[1]


@pytest.mark.parametrize("width", [1, 200, 420, 640])
def test_it_stands_below_a_picture_of_any_width(width: int) -> None:
    picture = np.full((100, width, 3), 90, np.uint8)
    both = append_decision_path(picture, PREDICTION)
    assert np.array_equal(both[:100, :width], picture)
    assert both.shape[1] == max(width, MIN_WIDTH)
    assert np.array_equal(both[100:], draw_path(PREDICTION, width))


def test_a_prediction_without_reasons_leaves_the_picture_as_it_is() -> None:
    picture = np.full((100, 320, 3), 90, np.uint8)
    assert append_decision_path(picture, replace(PREDICTION, reasons=())) is picture
