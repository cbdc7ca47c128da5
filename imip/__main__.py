"""`python -m imip`: the command line without an installed script."""

from imip.cli import app

app(prog_name="imip")
