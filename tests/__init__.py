"""All tests: `unit` without servers or databases, `integration` with real ones, `deploy` for deployment files."""
