"""SQL injection: where text enters an API, what is sent there, and who can tell that it became SQL."""
