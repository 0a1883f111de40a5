"""Everything that one run shows of the rate limits."""
