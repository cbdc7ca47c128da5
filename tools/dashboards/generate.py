"""Generate the JSON of the five dashboards, and list the PromQL expressions in it."""

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
    """One PromQL expression, with variables."""

    panel: str  # title of the panel, or name of the variable or annotation
    ref: str
    expr: str
    instant: bool


def all_boards() -> dict[str, Board]:
    """Return the dashboards by file name without suffix."""
    return {name: json.loads(json.dumps(build().build(), cls=JSONEncoder)) for name, build in BUILDERS.items()}


def to_json(board: Board) -> str:
    """Return the text of the file of a dashboard. Equal dashboards give equal text."""
    return json.dumps(board, indent=2, sort_keys=True) + "\n"


def expressions(board: Board) -> list[Expression]:
    """Return all expressions of a dashboard: of its panels, variables and annotations."""
    return [*_panel_expressions(board), *_variable_expressions(board), *_annotation_expressions(board)]


def _panel_expressions(board: Board) -> Iterator[Expression]:
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield Expression(panel["title"], target["refId"], target["expr"], target["instant"])


def _variable_expressions(board: Board) -> Iterator[Expression]:
    """Yield the series that provide the values of a variable."""
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((.+), \w+\)", variable["query"])
            assert match is not None, variable["query"]
            yield Expression(f"variable {variable['name']}", variable["name"], match[1], True)


def _annotation_expressions(board: Board) -> Iterator[Expression]:
    for annotation in board["annotations"]["list"]:
        target = annotation["target"]
        yield Expression(f"annotation {annotation['name']}", target["refId"], target["expr"], False)
