"""The path as a picture: as long as the path, readable at any width, and the way taken stands out."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from imip.judgement import Judgement, Reason
from imip.path_picture import LIGHT, NARROWEST, TAKEN, draw_below, draw_path

ABOVE = Reason("left-right symmetry 0.912 is above 0.83", "symmetry", 0.912, 0.83)
BELOW = replace(ABOVE, text="left-right symmetry 0.5 is at most 0.83", value=0.5)
JUDGEMENT = Judgement(
    label="Glioma",
    confidence=0.8,
    probabilities={"No Tumor": 0.05, "Meningioma": 0.1, "Glioma": 0.8, "Pituitary": 0.05},
    decision="confident",
    heatmap=2,
    reasons=(ABOVE,),
)


def coloured(panel: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return (panel == np.array(colour, np.uint8)).all(axis=2)


@pytest.mark.parametrize("width", [1, 320, 500, 1024])
def test_it_is_as_wide_as_asked_but_never_too_narrow_to_read(width: int) -> None:
    panel = draw_path(JUDGEMENT, width)
    assert panel.shape[1] == max(width, NARROWEST) and panel.dtype == np.uint8


def test_each_step_adds_the_same_height() -> None:
    one, two, three = (draw_path(replace(JUDGEMENT, reasons=(ABOVE,) * n), 320).shape[0] for n in (1, 2, 3))
    assert three - two == two - one > 0


def test_the_way_taken_stands_out_on_its_side() -> None:
    for reason, takes_right in ((ABOVE, True), (BELOW, False)):
        panel = draw_path(replace(JUDGEMENT, reasons=(reason,)), 320)
        fork = coloured(panel, TAKEN)[31:58]
        assert (fork[:, 190:].sum() > fork[:, :130].sum()) == takes_right


def test_a_long_sentence_stays_inside_its_box() -> None:
    long = replace(ABOVE, text="share of a thing with a name that goes on and on " * 3)
    panel = draw_path(replace(JUDGEMENT, reasons=(long, ABOVE)), 320)
    assert not coloured(panel, LIGHT)[:, -6:].any() and not panel[:, -5:].any()


def test_the_more_probable_label_has_the_longer_bar() -> None:
    bars = coloured(draw_path(JUDGEMENT, 320), TAKEN)[-78:, 107:205]
    lengths = [int(bars[start : start + 18].sum()) for start in (0, 18, 36, 54)]
    assert lengths[2] == max(lengths) > 3 * lengths[1]


@pytest.mark.parametrize("width", [1, 200, 320, 640])
def test_it_stands_below_a_picture_of_any_width(width: int) -> None:
    picture = np.full((100, width, 3), 90, np.uint8)
    both = draw_below(picture, JUDGEMENT)
    assert np.array_equal(both[:100, :width], picture)
    assert both.shape[1] == max(width, NARROWEST)
    assert np.array_equal(both[100:], draw_path(JUDGEMENT, width))


def test_a_judgement_without_reasons_leaves_the_picture_as_it_is() -> None:
    picture = np.full((100, 320, 3), 90, np.uint8)
    assert draw_below(picture, replace(JUDGEMENT, reasons=())) is picture
