"""What a rule is, and the samples by which it is known to work.

A rule carries texts that it must find and texts that it must not. They are written as templates, ``ghp_{alnum:36}``, so
that no text in this package looks like a credential to anybody's scanner; each is filled in at random when it is used.
"""

import random
import re
from dataclasses import dataclass, field
from functools import cached_property

from chimera_compliance.probes.repository.engine import Trigger

ALPHABETS = {
    "alnum": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
    "letters": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "lower": "abcdefghijklmnopqrstuvwxyz0123456789",
    "base32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "base64": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "url64": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
    "hex": "0123456789abcdef",
    "digit": "0123456789",
    "pass": "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789!#%+_",
}
_BLANK = re.compile(r"\{(\w+):(\d+)\}")


def filled(template: str, seed: int = 1) -> str:
    """A template with its blanks filled in: ``{alnum:36}`` becomes 36 letters and digits."""
    rng = random.Random(f"{seed}{template}")

    def fill(blank: re.Match[str]) -> str:
        letters, count = ALPHABETS[blank[1]], int(blank[2])
        text = "".join(rng.choice(letters) for _ in range(count))
        if blank[1] == "pass":  # one of each kind, as password policies want it
            text = "Kq7#"[: min(4, count)] + text[4:]
        return text

    return _BLANK.sub(fill, template)


@dataclass(frozen=True)
class Rule:
    """One kind of credential.

    `pattern` matches in a text around a hit, and its group ``secret`` is the credential. `trigger` is what the engine
    looks for; without one it is derived from the pattern. `reach` is how much of the text after the line of a hit
    belongs to the match. `strict` formats are credentials wherever they stand; the others are judged by their name,
    value and file.
    """

    id: str
    what: str
    pattern: str
    trigger: str = ""
    ignores_case: bool = False
    reach: int = 0
    strict: bool = True
    hits: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()
    triggers: tuple[Trigger, ...] = field(default=())

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern, compiled."""
        return re.compile(self.pattern, re.IGNORECASE if self.ignores_case else 0)

    @cached_property
    def looked_for(self) -> tuple[Trigger, ...]:
        """What the engine looks for."""
        return self.triggers or (Trigger(self.trigger.encode(), self.ignores_case),)


def token(
    id: str, what: str, prefix: str, body: str, shortest: int, longest: int | None = None, *, hits=(), misses=()
) -> Rule:
    """A credential that its issuer marks with a prefix."""
    most = shortest if longest is None else longest or ""
    return Rule(
        id,
        what,
        rf"(?<![A-Za-z0-9]){_captured(prefix + body + f'{{{shortest},{most}}}')}(?![A-Za-z0-9])",
        trigger=f"{prefix}{body}{{{shortest}}}",
        hits=hits,
        misses=misses,
    )


def _captured(text: str) -> str:
    return f"(?P<secret>{text})"
