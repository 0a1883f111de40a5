"""Probes observe and never judge: each returns facts and keeps what it saw in the journal."""
