"""How good a frozen model is on scans it has never seen, with intervals over groups."""
