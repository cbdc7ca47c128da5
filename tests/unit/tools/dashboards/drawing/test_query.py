"""Variables of an expression are filled as Grafana fills them."""

import pytest

from tools.dashboards.drawing.query import fill


def test_an_expression_with_an_unknown_variable_is_refused() -> None:
    with pytest.raises(KeyError):
        fill("up{job=~'$jobs'}")


def test_variables_are_filled_as_named_and_else_with_all() -> None:
    asked = 'rate(x{job=~"$job", module=~"${module}"}[$__rate_interval])'
    assert fill(asked, rate_interval="2m", job="imip") == 'rate(x{job=~"imip", module=~".+"}[2m])'
    assert fill('label_replace(x, "a", "$1", "b", "(.+)")').count("$1") == 1
