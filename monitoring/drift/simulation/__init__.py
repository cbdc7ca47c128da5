"""Drifts caused on purpose: distorted slices, changed mixes of scans, and the load generator that sends them."""
