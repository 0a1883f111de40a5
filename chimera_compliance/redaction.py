"""Nothing secret is written down: what leaves a probe passes through here first."""

import re
from urllib.parse import quote

# A compact JWS is a credential whoever made it: header and payload are base64url of JSON, hence "eyJ".
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]*(?:\.[\w-]*)*")
_SHORTEST = 6


class Redactor:
    """Replaces known secret values by their names, and anything shaped like a JWT by ``$JWT``.

    Values shorter than 6 characters are not searched for: they would blank out ordinary words.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str, name: str) -> None:
        """From now on show `value`, and its URL-encoded form, as ``$name``."""
        for form in {value, quote(value, safe="")}:
            if len(form) >= _SHORTEST and form not in self._names:
                self._names[form] = f"${name}"
                self._pattern = None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._names:
            text = self._known().sub(lambda found: self._names[found.group()], text)
        return _JWT.sub("$JWT", text) if "eyJ" in text else text

    def _known(self) -> re.Pattern[str]:
        if self._pattern is None:
            longest_first = sorted(self._names, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return self._pattern

    def deep(self, value):
        """The same for every string inside lists and mappings, keys included."""
        match value:
            case str():
                return self(value)
            case dict():
                return {self(str(key)): self.deep(item) for key, item in value.items()}
            case list() | tuple():
                return [self.deep(item) for item in value]
        return value
