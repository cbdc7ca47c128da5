"""`python -m imip`: hands over to the command line, which stands in a room of its own that this one does not import."""

import runpy

runpy.run_module("cli", run_name="__main__", alter_sys=True)
