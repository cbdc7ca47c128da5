"""What a client's `Accept` header asks for, where a picture is the default and JSON the other choice."""

import pytest

from serving.negotiation import chosen

PNG, JSON = "image/png", "application/json"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", PNG),
        ("*/*", PNG),
        ("image/*", PNG),
        ("text/html", PNG),
        ("application/json", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        ("application/json, text/plain, */*", JSON),
        ("application/*", JSON),
        ("image/png;q=0.5, application/json", JSON),
        ("image/png, application/json;q=0.1", PNG),
        ("image/png, application/json", PNG),
        ("application/json, image/png", PNG),
        ("application/json;q=0, image/png", PNG),
        ("application/json;q=0", PNG),
        ("application/json ; Q=0.2 , image/* ; q=0.3", PNG),
        ("application/json;q=x", PNG),
        ("application/json;q=nan, image/png", PNG),
        ("application/jsonlines", PNG),
        ("text/html;x=application/json", PNG),
        (";,;;q=,/", PNG),
    ],
)
def test_the_header_is_read_as_types_with_their_weights(header: str, expected: str) -> None:
    assert chosen(header, (PNG, JSON)) == expected
