"""The guard of every operation, tried with every credential and by every way."""
