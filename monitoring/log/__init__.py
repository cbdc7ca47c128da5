"""The prediction log: written, read, exported and pruned."""
