"""The queries of panels to Prometheus, by range and format of the result."""

from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def range_query(expr: str, name: str = "") -> Dataquery:
    """Query the values over the displayed time range. `name`: the legend, which may contain labels as {{label}}."""
    return _query(expr, name).range()


def instant_query(expr: str, name: str = "") -> Dataquery:
    """Query the value at the end of the displayed time range."""
    return _query(expr, name).instant()


def heatmap_query(expr: str) -> Dataquery:
    """Query the buckets of a histogram over the displayed time range, for a heatmap."""
    return _query(expr, "{{le}}").range().format(PromQueryFormat.HEATMAP)


def table_query(expr: str) -> Dataquery:
    """Query the values at the end of the displayed time range as a table with one column per label."""
    return _query(expr, "").instant().format(PromQueryFormat.TABLE)


def _query(expr: str, name: str) -> Dataquery:
    return Dataquery().expr(expr).legend_format(name).datasource(SOURCE)
