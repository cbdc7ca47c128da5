"""What the routes about many predictions take."""

import pytest
from pydantic import ValidationError

from serving.schemas.monitoring import Feedback


@pytest.mark.parametrize(
    "wrong",
    [
        {"request_id": "0" * 31},
        {"request_id": "A" * 32},
        {"request_id": "0" * 32 + "\n"},
        {"label": ""},
        {"label": "x" * 65},
        {"reviewer_role": "patient"},
        {"comment": "Mrs Miller, 63"},
        {"name": "Miller"},
    ],
)
def test_only_the_closed_form_of_feedback_is_taken(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Feedback.model_validate({"request_id": "0" * 32, "label": "Tumor", **wrong})
