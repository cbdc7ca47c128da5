"""A prediction as a row, and back."""

import json
from dataclasses import fields, replace
from math import inf, nan

import numpy as np
import pytest

from imip.prediction import LOGGED, Prediction
from monitoring.log.rows import from_row, read_embedding, to_row
from monitoring.tables import predictions
from tests.support.logged import answered


def test_a_row_has_the_columns_of_the_table() -> None:
    assert set(to_row(answered())) == {column.name for column in predictions.c} - {"id"}


def test_a_prediction_comes_back_but_for_what_is_not_logged() -> None:
    made = replace(answered(), width=512, advice="Ask someone.")
    back = from_row(to_row(made))  # type: ignore[arg-type]
    same = [name for name in LOGGED if name not in ("seconds", "features", "embedding")]
    assert [getattr(back, name) for name in same] == [getattr(made, name) for name in same]
    assert back.features == pytest.approx(made.features, rel=1e-5)
    assert back.seconds == pytest.approx(made.seconds, abs=1e-6)
    np.testing.assert_allclose(back.embedding, made.embedding, rtol=2**-10)
    unknown = {each.name: each.default for each in fields(Prediction) if each.name not in LOGGED}
    assert {name: getattr(back, name) for name in unknown} == unknown


def test_an_embedding_takes_half_the_space() -> None:
    stored = to_row(answered())["embedding"]
    assert len(stored) == 2 * 7
    assert read_embedding(stored).dtype == np.float32


def test_what_is_not_finite_is_left_out() -> None:
    row = to_row(replace(answered(), features={"sharpness": nan, "noise_ratio": inf, "symmetry": 0.5}))
    assert row["features"] == {"symmetry": 0.5}
    json.dumps(row["features"], allow_nan=False)
