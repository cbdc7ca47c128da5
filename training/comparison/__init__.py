"""The shipped modules side by side on the same scans."""
