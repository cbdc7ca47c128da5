"""How good a trained model is on scans it has never seen, with intervals over groups."""
