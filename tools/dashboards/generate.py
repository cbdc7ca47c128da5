"""The five dashboards as Grafana reads them: JSON, and the expressions that stand in it."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from tools.dashboards.boards import drift, intake, model, overview, serving

Board = dict[str, Any]

BUILDERS = {
    "overview": overview.build,
    "serving": serving.build,
    "model": model.build,
    "drift": drift.build,
    "intake": intake.build,
}


class Expression(NamedTuple):
    """One question to Prometheus, its variables not filled in."""

    panel: str  # title; of a variable or an annotation, which one
    ref: str
    expr: str
    instant: bool


def all_boards() -> dict[str, Board]:
    """Return the dashboards by the names of their files, without suffix."""
    return {name: json.loads(json.dumps(build().build(), cls=JSONEncoder)) for name, build in BUILDERS.items()}


def to_json(board: Board) -> str:
    """Return a dashboard as its file: the same for the same dashboard, whoever makes it."""
    return json.dumps(board, indent=2, sort_keys=True) + "\n"


def expressions(board: Board) -> list[Expression]:
    """Return every question of a dashboard: of its panels, its variables and its annotations."""
    return [*_of_panels(board), *_of_variables(board), *_of_annotations(board)]


def _of_panels(board: Board) -> Iterator[Expression]:
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield Expression(panel["title"], target["refId"], target["expr"], target["instant"])


def _of_variables(board: Board) -> Iterator[Expression]:
    """Yield the series whose labels a variable offers."""
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), \w+\)", variable["query"])
            assert asked is not None, variable["query"]
            yield Expression(f"variable {variable['name']}", variable["name"], asked[1], True)


def _of_annotations(board: Board) -> Iterator[Expression]:
    for annotation in board["annotations"]["list"]:
        target = annotation["target"]
        yield Expression(f"annotation {annotation['name']}", target["refId"], target["expr"], False)
