"""Batch scoring: analyse all scans of a folder without a server. Resumable, on several cores."""
