"""Benchmarks that are run by hand. No test depends on the speed of a machine."""
