"""Tools for developers: benchmarks, and the code that generates the dashboards. No shipped package imports them."""
