"""Feedback: one answer for each prediction, whoever gives it and however often."""

from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import pytest
from sqlalchemy import Engine, RowMapping, delete, select

from imip.errors import UnknownLabel, UnknownPrediction
from monitoring import tables
from monitoring.performance.feedback import Comment, give
from tests.support.logged import AT, log, prediction


def stored(database: Engine) -> list[RowMapping]:
    with database.execution_options(reading=True).connect() as connection:
        return list(connection.execute(select(tables.feedback)).mappings())


def test_feedback_is_kept_beside_what_was_predicted(database: Engine) -> None:
    (request,) = log(database, prediction({"Tumor": 0.8, "No Tumor": 0.2}, version="2"))
    answer = give(database, request, "No Tumor", reviewer_role="radiologist")
    assert (answer.module, answer.predicted, answer.actual) == ("brain-tumor", "Tumor", "No Tumor")
    assert not answer.replaced
    (row,) = stored(database)
    assert (row["actual"], row["reviewer_role"], row["comment"]) == ("No Tumor", "radiologist", None)
    assert (row["predicted"], row["confidence"], row["version"], row["predicted_at"]) == ("Tumor", 0.8, "2", AT)


def test_feedback_on_an_abstention_says_so(database: Engine) -> None:
    chosen, abstained = log(
        database,
        prediction({"Tumor": 0.8, "No Tumor": 0.2}),
        prediction({"Tumor": 0.6, "No Tumor": 0.4}, label="Ambiguous"),
    )
    for request in (chosen, abstained):
        give(database, request, "Tumor")
    assert {row["request_id"]: row["abstained"] for row in stored(database)} == {chosen: False, abstained: True}


def test_a_correction_replaces(database: Engine) -> None:
    first, other = log(database, *(prediction({"Tumor": 0.8, "No Tumor": 0.2}) for _ in range(2)))
    give(database, first, "Tumor", reviewer_role="student", comment="agrees")
    give(database, other, "Tumor")
    assert give(database, first, "No Tumor", comment="false_positive").replaced
    rows = {row["request_id"]: row for row in stored(database)}
    assert rows.keys() == {first, other}
    assert (rows[first]["actual"], rows[first]["reviewer_role"], rows[first]["comment"]) == (
        "No Tumor", None, "false_positive",
    )  # fmt: skip
    assert rows[other]["actual"] == "Tumor"


def test_the_same_again_changes_nothing(database: Engine) -> None:
    (request,) = log(database, prediction({"Tumor": 0.8, "No Tumor": 0.2}))
    give(database, request, "Tumor", comment="poor_image")
    before = stored(database)
    assert not give(database, request, "Tumor", comment="poor_image").replaced
    assert stored(database) == before


def test_an_unknown_prediction_is_refused(database: Engine) -> None:
    with pytest.raises(UnknownPrediction):
        give(database, "0" * 32, "Tumor")
    assert stored(database) == []


def test_a_label_of_another_module_is_refused_and_the_right_ones_named(database: Engine) -> None:
    request, _ = log(
        database,
        prediction({"Tumor": 0.8, "No Tumor": 0.2}),
        prediction({"Alzheimer": 0.7, "Healthy": 0.3}, module="dementia"),
    )
    with pytest.raises(UnknownLabel, match=r"'Tumor', 'No Tumor'") as caught:
        give(database, request, "Healthy")
    assert "Healthy" not in str(caught.value)
    assert stored(database) == []


def test_feedback_outlives_its_prediction_but_cannot_be_corrected_then(database: Engine) -> None:
    (request,) = log(database, prediction({"Tumor": 0.8, "No Tumor": 0.2}))
    give(database, request, "Tumor")
    with database.begin() as connection:
        connection.execute(delete(tables.predictions))
    with pytest.raises(UnknownPrediction):
        give(database, request, "No Tumor")
    assert [row["actual"] for row in stored(database)] == ["Tumor"]


def test_concurrent_feedback_ends_with_one_row(database: Engine) -> None:
    (request,) = log(database, prediction({"Tumor": 0.8, "No Tumor": 0.2}))
    said = [(label, comment) for label in ("Tumor", "No Tumor") for comment in get_args(Comment)]
    with ThreadPoolExecutor(len(said)) as threads:
        answers = list(threads.map(lambda one: give(database, request, one[0], comment=one[1]), said))
    assert [answer.replaced for answer in answers].count(False) == 1  # the first; every other one overwrote another
    (row,) = stored(database)
    assert (row["actual"], row["comment"]) in said
