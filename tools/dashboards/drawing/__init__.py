"""Dashboards drawn as pictures, without a Grafana."""
