"""Answers of every kind, and what browsers and caches make of their security headers."""
