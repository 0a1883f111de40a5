"""What an API makes of input that its own document, or ADR-005, does not allow."""
