"""Random changes of a slice that keep its label, and some that set it."""
