"""The Grafana dashboards, made as code: what each panel asks and how it is shown.

`board_*.py` hold one dashboard each, `row_promises.py` the first row of the overview, `panels.py` and `frame.py` what
they share. `query.py` and `render.py` draw them without a Grafana, from any Prometheus. `imip dashboards` writes
`grafana/dashboards/*.json`.
"""

from tools.dashboards.generate import Board, Expression, all_boards, expressions, to_json

__all__ = ["Board", "Expression", "all_boards", "expressions", "to_json"]
