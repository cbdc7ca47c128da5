"""A drill of the alerts on a real server: `make drill`, or `python -m tools.benchmarks.drill`."""
