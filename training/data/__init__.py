"""Labelled scans: read, grouped by near-duplicates, split, balanced and batched."""
