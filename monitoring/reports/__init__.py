"""The drift report, an HTML page for people."""
