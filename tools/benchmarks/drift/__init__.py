"""How often the drift detectors are wrong, and what they can see: `python -m tools.benchmarks.drift --data DIR`."""
