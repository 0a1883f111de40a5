"""SQL injection where it is written: statements of the source that values were put into."""
