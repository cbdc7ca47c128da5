"""Synthetic sample scans, and the script that makes them."""
