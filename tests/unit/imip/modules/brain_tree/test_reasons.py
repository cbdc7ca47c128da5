"""Steps in words: every measure has a name, and the sentence never contradicts its numbers."""

import numpy as np
import pytest

from imip.modules.brain_tree import MEASURES
from imip.modules.brain_tree.reasons import MEASURE_NAMES, describe_step
from imip.modules.brain_tree.tree import Step

NOTHING = np.zeros(4, np.float32)


def test_every_measure_has_words_of_its_own_and_nothing_else_has() -> None:
    assert set(MEASURE_NAMES) == set(MEASURES)
    assert len(set(MEASURE_NAMES.values())) == len(MEASURE_NAMES)
    assert all(words.isascii() and "_" not in words for words in MEASURE_NAMES.values())


def test_a_step_is_said_in_words_and_values() -> None:
    above = describe_step(Step("symmetry", 0.91234, 0.83, NOTHING))
    assert above.text == "left-right symmetry 0.912 is above 0.83"
    assert (above.measure, above.value, above.threshold) == ("symmetry", 0.91234, 0.83)
    assert describe_step(Step("symmetry", 0.5, 0.83, NOTHING)).text == "left-right symmetry 0.5 is at most 0.83"


@pytest.mark.parametrize(
    ("value", "numbers"), [(0.83004, "0.83004 is above 0.83"), (0.82996, "0.82996 is at most 0.83")]
)
def test_two_numbers_close_together_get_the_digits_that_tell_them_apart(value: float, numbers: str) -> None:
    assert describe_step(Step("symmetry", value, 0.83, NOTHING)).text.endswith(numbers)


def test_a_value_on_its_threshold_is_at_most_that() -> None:
    assert describe_step(Step("symmetry", 0.83, 0.83, NOTHING)).text.endswith("0.83 is at most 0.83")
