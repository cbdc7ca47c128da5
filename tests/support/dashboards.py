"""The dashboards as code, for tests of what they show and ask."""

from typing import Any

import pytest

from tests.support.server import REPOSITORY
from tools import dashboards

BOARDS = dashboards.all_boards()
UIDS = {
    "overview": "imip-overview",
    "serving": "imip-serving",
    "model": "imip-model",
    "drift": "imip-drift",
    "intake": "imip-intake",
}
GRAFANA = REPOSITORY / "grafana"

each_board = pytest.mark.parametrize("name", UIDS)


def panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in BOARDS[name]["panels"] if panel["type"] != "row"]


def query_panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in panels(name) if panel["type"] != "text"]
