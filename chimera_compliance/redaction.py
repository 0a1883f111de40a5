"""Nothing secret is written down: what leaves a probe passes through here first."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

# A compact JWS is a credential whoever made it: header and payload are base64url of JSON, hence "eyJ".
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]*(?:\.[\w-]*)*")
_SHORTEST = 6
_BETWEEN = "\x00"


class Redactor:
    """Replaces known secret values by their names, and anything shaped like a JWT by ``$JWT``.

    Values shorter than 6 characters are not searched for: they would blank out ordinary words.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._longest_first: tuple[str, ...] = ()
        self.values: dict[str, str] = {}
        """Every secret by its plain value, and its name."""
        self.placeholders: frozenset[str] = frozenset({"$JWT"})
        """What may stand in a text in place of a secret: ``$ALICE_TOKEN``, ``$JWT``."""
        self.counts: Counter[str] = Counter()
        self._patterns: dict[tuple[str, ...], re.Pattern[str]] = {}

    def add(self, value: str, name: str) -> None:
        """From now on show `value`, as it is and as URLs, forms and JSON write it, as ``$name``."""
        self.values.setdefault(value, f"${name}")
        for form in {value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]}:
            if len(form) >= _SHORTEST and form not in self._names:
                self._names[form] = f"${name}"
        self._longest_first = tuple(sorted(self._names, key=len, reverse=True))
        self.placeholders = frozenset(self._names.values()) | {"$JWT"}

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        # Plain searches first: they are far cheaper than an alternation of all secrets, and most texts hold none.
        if present := tuple(form for form in self._longest_first if form in text):
            text = self._pattern(present).sub(self._replace, text)
        if "eyJ" in text:
            text, count = _JWT.subn("$JWT", text)
            self.counts["$JWT"] += count
        # Lone surrogates, which JSON can carry, cannot be written as UTF-8.
        return text.encode("utf-8", "backslashreplace").decode()

    def _replace(self, found: re.Match[str]) -> str:
        name = self._names[found.group()]
        self.counts[name] += 1
        return name

    def taken(self) -> dict[str, int]:
        """How often each name has stood in for a secret since this was last asked."""
        counts, self.counts = dict(+self.counts), Counter()
        return counts

    def _pattern(self, forms: tuple[str, ...]) -> re.Pattern[str]:
        if forms not in self._patterns:
            self._patterns[forms] = re.compile("|".join(map(re.escape, forms)))
        return self._patterns[forms]

    def deep(self, value):
        """The same for every string inside lists and mappings, keys included."""
        texts: list[str] = []
        _gather(value, texts)
        joined = _BETWEEN.join(texts)
        clean = self(joined).split(_BETWEEN)
        if len(clean) != len(texts):  # a text holds the separator itself
            clean = [self(text) for text in texts]
        return _rebuilt(value, iter(clean)) if texts else value


def _gather(value, texts: list[str]) -> None:
    """Every string of a tree, in the order in which `_rebuilt` puts them back."""
    match value:
        case str():
            texts.append(value)
        case dict():
            for key, item in value.items():
                texts.append(str(key))
                _gather(item, texts)
        case list() | tuple():
            for item in value:
                _gather(item, texts)


def _rebuilt(value, clean: Iterator[str]):
    match value:
        case str():
            return next(clean)
        case dict():
            return {next(clean): _rebuilt(item, clean) for item in value.values()}
        case list() | tuple():
            return [_rebuilt(item, clean) for item in value]
    return value
