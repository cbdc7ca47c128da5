"""HTTP around the core: uploads in, findings and problems out. Only this package and `service.py` know BentoML."""
