"""The stream of findings: what is counted and measured about them. Knows nothing of HTTP."""
