"""The questions that panels put to Prometheus: how long, and in which shape the answer is wanted."""

from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def over_time(expr: str, name: str = "") -> Dataquery:
    """Ask for a line over the shown time; `name` may hold labels, as {{label}}."""
    return _question(expr, name).range()


def now(expr: str, name: str = "") -> Dataquery:
    """Ask for the value at the end of the shown time."""
    return _question(expr, name).instant()


def buckets(expr: str) -> Dataquery:
    """Ask for a histogram's buckets over the shown time, for a heatmap."""
    return _question(expr, "{{le}}").range().format(PromQueryFormat.HEATMAP)


def rows(expr: str) -> Dataquery:
    """Ask for a table of the values at the end of the shown time, with a column a label."""
    return _question(expr, "").instant().format(PromQueryFormat.TABLE)


def _question(expr: str, name: str) -> Dataquery:
    return Dataquery().expr(expr).legend_format(name).datasource(SOURCE)
