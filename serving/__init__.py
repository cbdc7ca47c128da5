"""HTTP around the core: uploads in, predictions and problems out. Only this package and `service.py` know BentoML."""

import os

# BentoML reports its use when a server starts or fails to, and whenever a model is saved.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
