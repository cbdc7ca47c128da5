"""Draw dashboards as pictures, without Grafana."""
