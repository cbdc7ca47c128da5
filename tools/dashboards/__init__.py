"""The Grafana dashboards as code: the queries of each panel and how it is displayed.

`boards/` has one file per dashboard and `promises.py`, the first row of the overview. `panels.py` and `layout.py` are
shared by all. `drawing/` draws a dashboard without Grafana, from any Prometheus. `imip dashboards` writes
`grafana/dashboards/*.json`.
"""

from tools.dashboards.generate import Board, Expression, all_boards, expressions, to_json

__all__ = ["Board", "Expression", "all_boards", "expressions", "to_json"]
