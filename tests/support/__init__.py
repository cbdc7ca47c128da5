"""What several tests need: servers, databases, scans and predictions made for tests."""
