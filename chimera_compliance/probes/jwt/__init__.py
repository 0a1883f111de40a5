"""Tokens genuine and forged: made, taken apart, and signed by keys that are not the issuer's."""
