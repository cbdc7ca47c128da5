"""`python -m imip`: run the command line in `cli`, by name, because `imip` must not import `cli`."""

import runpy

runpy.run_module("cli", run_name="__main__", alter_sys=True)
