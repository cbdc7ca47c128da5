"""Scoring the scans of a folder without a server, resumable and on several cores."""
