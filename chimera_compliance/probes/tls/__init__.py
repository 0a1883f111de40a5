"""The TLS endpoint, its certificate, the plain ports beside it, and links that lead away from it."""
