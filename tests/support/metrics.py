"""This process's own metrics, as a scrape would show them."""

from prometheus_client import REGISTRY


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"imip_{name}", labels)
