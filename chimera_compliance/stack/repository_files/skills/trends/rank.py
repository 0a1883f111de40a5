"""Ranks headlines by how often their words turn up."""

from collections import Counter


def rank(headlines: list[str], limit: int = 10) -> list[str]:
    """The headlines that share most words with the others, first."""
    words = Counter(word for line in headlines for word in set(line.lower().split()))
    scored = sorted(headlines, key=lambda line: -sum(words[word] for word in set(line.lower().split())))
    return scored[:limit]
