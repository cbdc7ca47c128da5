"""Runs the command line: `python -m cli`, or `python -m imip`."""

from cli.app import app

app(prog_name="imip")
