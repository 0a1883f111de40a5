"""Looks for credentials in a git repository: its files, its whole history, and what it lets through."""

from chimera_compliance.probes.repository.review import Leak, Review, Reviewer, recorded, review

__all__ = ["Leak", "Review", "Reviewer", "recorded", "review"]
