"""The window holds the newest predictions, each of another patient, of one module and one model version."""

from datetime import timedelta

import numpy as np
from sqlalchemy import Engine

from monitoring.drift.window import LOOKBACK, take_window
from monitoring.log.queries import Filter
from tests.support.drift import CARD, NAMES, REFERENCE, burst, patient, patients, row
from tests.support.logged import AT, log


def seconds(database: Engine, size: int = 10, wanted: Filter = Filter()) -> list[int]:
    """When, in seconds after the first, the predictions of the window were predicted."""
    window = take_window(database, CARD, REFERENCE, size, wanted)
    assert window is not None
    return window.predictions.features[:, 0].astype(int).tolist()


def test_the_newest_predictions_oldest_first(database: Engine) -> None:
    log(database, *reversed(patients(8)))
    assert seconds(database, 5) == [3, 4, 5, 6, 7]


def test_fewer_predictions_than_wanted_are_all_taken(database: Engine) -> None:
    log(database, *patients(3))
    assert seconds(database, 5) == [0, 1, 2]


def test_what_was_logged_stands_in_the_window(database: Engine) -> None:
    log(database, *patients(1), row(1, patient(1), label="No Tumor", confidence=0.2))
    window = take_window(database, CARD, REFERENCE, 5)
    assert window is not None
    np.testing.assert_array_equal(window.predictions.embeddings, [patient(0), patient(1)])
    assert window.predictions.labels.tolist() == ["Tumor", "No Tumor"]
    np.testing.assert_allclose(window.predictions.confidences, [0.8, 0.2], rtol=1e-6)
    assert window.predictions.names == NAMES


def test_a_burst_of_one_patient_counts_once(database: Engine) -> None:
    log(database, *patients(6), *burst(14, 6))
    assert seconds(database, 5) == [2, 3, 4, 5, 19]


def test_a_burst_can_hide_no_more_than_is_looked_back(database: Engine) -> None:
    log(database, *patients(6), *burst(5 * LOOKBACK - 2, 6))
    assert seconds(database, 5) == [4, 5, 5 * LOOKBACK + 3]


def test_other_versions_and_modules_are_left_out(database: Engine) -> None:
    log(database, *patients(3), *patients(2, 3, version="other"), *patients(2, 5, module="other"), *patients(1, 7))
    assert seconds(database) == [0, 1, 2, 7]


def test_predictions_that_lack_a_feature_are_left_out(database: Engine) -> None:
    short = dict.fromkeys(NAMES[1:], 0.0)
    log(database, *patients(2), *patients(2, 2, features=short), *patients(1, 4), *patients(1, 5, features=short))
    window = take_window(database, CARD, REFERENCE, 5)
    assert window is not None
    assert window.predictions.features[:, 0].tolist() == [0, 1, 4]
    assert window.last[0] == AT + timedelta(seconds=4)


def test_a_window_of_another_time_is_taken_when_asked_for(database: Engine) -> None:
    log(database, *patients(9))
    wanted = Filter(since=AT + timedelta(seconds=2), until=AT + timedelta(seconds=6))
    assert seconds(database, 3, wanted) == [3, 4, 5]


def test_the_window_says_which_part_of_the_log_it_is(database: Engine) -> None:
    log(database, *patients(6), *burst(14, 6))
    window = take_window(database, CARD, REFERENCE, 5)
    assert window is not None
    assert window.rows == 18  # patients 2 to 5 and the burst
    assert window.first == (AT + timedelta(seconds=2), 3)
    assert window.last == (AT + timedelta(seconds=19), 20)


def test_there_is_no_window_without_a_finding(database: Engine) -> None:
    assert take_window(database, CARD, REFERENCE, 5) is None
    log(database, *patients(3, version="other"), *patients(3, 3, features={}))
    assert take_window(database, CARD, REFERENCE, 5) is None
