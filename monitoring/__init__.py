"""The stream of predictions: what is counted and measured about them. Knows nothing of HTTP."""
