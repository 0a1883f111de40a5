"""Asks detect-secrets (Yelp, Apache-2.0) about the files: another set of rules, written by others.

Its guesses by entropy alone are left out: they report half of what is no credential. What is left is judged like our
own findings: by value, name and place.
"""

import re
from collections.abc import Iterator
from functools import cache

from chimera_compliance.probes.repository.candidates import Candidate
from chimera_compliance.probes.repository.judgement import Strength, entropy, is_documented, strength

_ENTROPY = ("Base64 High Entropy String", "Hex High Entropy String")
_OURS = ("Secret Keyword", "Private Key", "Basic Auth Credentials", "Public IP (ipv4)", "JSON Web Token")
"""Kinds that our own rules judge with more context."""
_LEAST_ENTROPY = 2.8


@cache
def _plugins() -> tuple:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    known = get_mapping_from_secret_type_to_class()
    return tuple(known[kind]() for kind in sorted(known) if kind not in (*_ENTROPY, *_OURS))


@cache
def _marks() -> re.Pattern[str]:
    """Something that every pattern of the plugins needs, to pass over lines quickly."""
    return re.compile(r"[A-Za-z0-9_\-+/]{16}")


def opinions(text: str) -> Iterator[tuple[Candidate, int]]:
    """What detect-secrets takes for a credential, with its line."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > 2000 or not _marks().search(line):
            continue
        for plugin in _plugins():
            for value in plugin.analyze_string(line):
                if isinstance(value, str) and _is_credible(value):
                    name = re.sub(r"\W+", "-", plugin.secret_type.lower())
                    yield (
                        Candidate(f"detect-secrets-{name}", plugin.secret_type, value, value, line, 0, strict=False),
                        number,
                    )


def _is_credible(value: str) -> bool:
    return not is_documented(value) and entropy(value) >= _LEAST_ENTROPY and strength(value) is Strength.RANDOM
