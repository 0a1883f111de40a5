"""The score that MDN's HTTP Observatory would give, as a figure beside the verdicts: people know and compare it.

Follows the scoring tables at https://developer.mozilla.org/en-US/observatory/docs/tests_and_scoring: from 100, less
every penalty, and bonuses only from 90 upward. Two of its inputs are outside the answers at hand and taken as neutral:
the browsers' HSTS preload list, and what port 80 does beside an HTTPS interface.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chimera_compliance.journal import Journal
from chimera_compliance.probes.headers.csp import Policies
from chimera_compliance.probes.headers.responses import Response, Responses
from chimera_compliance.probes.headers.values import Cookie, Hsts, split

_GRADES = [
    (100, "A+"), (90, "A"), (85, "A-"), (80, "B+"), (70, "B"), (65, "B-"), (60, "C+"), (50, "C"), (45, "C-"),
    (40, "D+"), (30, "D"), (25, "D-"), (0, "F"),
]  # fmt: skip
_EXTRA_CREDIT_FROM = 90
_SIX_MONTHS = 15_768_000
_BROAD = re.compile(r"(?:ftp|https?):|\*|https?://\*(?:\.\*)?")
_NONCE_OR_HASH = ("'nonce-", "'sha256-", "'sha384-", "'sha512-")
_SCRIPT = re.compile(rb"<script\b([^>]*)>", re.IGNORECASE)
_SOURCE = re.compile(rb"\bsrc\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Score:
    """Modifier of each of the Observatory's tests, by its name."""

    modifiers: dict[str, int]

    @property
    def points(self) -> int:
        """0 to 145."""
        base = 100 + sum(value for value in self.modifiers.values() if value < 0)
        bonus = sum(value for value in self.modifiers.values() if value > 0)
        return max(0, base + (bonus if base >= _EXTRA_CREDIT_FROM else 0))

    @property
    def grade(self) -> str:
        """A+ to F."""
        return next(grade for least, grade in _GRADES if self.points >= least)


def score(response: Response, shared: Iterable[Response] = ()) -> Score:
    """The score of one answer; `shared` are answers to a foreign origin, for the CORS test."""
    return Score(
        {
            "content-security-policy": _csp(response),
            "cookies": _cookies(response),
            "cross-origin-resource-policy": _resource_policy(response.all("Cross-Origin-Resource-Policy")),
            "cross-origin-resource-sharing": -50 if any(map(_shares_with_anyone, shared)) else 0,
            "redirection": 0 if response.is_secure else -20,
            "referrer-policy": _referrer(response.all("Referrer-Policy")),
            "strict-transport-security": _hsts(response),
            "subresource-integrity": _integrity(response),
            "x-content-type-options": 0 if response.all("X-Content-Type-Options")[:1] == ["nosniff"] else -5,
            "x-frame-options": _framing(response),
        }
    )


def record(journal: Journal, responses: Responses) -> str:
    """Keep the lowest and highest score as an observation and return its id."""
    shared = [item for item in responses if item.label == "foreign origin"]
    scored = [(score(item, shared), item) for item in responses.rendered]
    if not scored:
        return ""
    ranked = sorted(scored, key=lambda pair: (pair[0].points, pair[1].subject))
    figures = {name: _figure(*pair) for name, pair in (("lowest", ranked[0]), ("highest", ranked[-1]))}
    return journal.record("figure", "MDN HTTP Observatory score", sent={"responses": len(ranked)}, received=figures)


def _figure(points: Score, response: Response) -> dict:
    return {"score": points.points, "grade": points.grade, "response": response.subject, "modifiers": points.modifiers}


def _merged(policies: Policies) -> dict[str, set[str]]:
    """The Observatory's view of several policies: what stands in all that name a directive, in lower case."""
    merged: dict[str, set[str]] = {}
    for policy in policies.enforced:
        for name, values in policy.directives.items():
            words = {value.lower() for value in values} or {"'none'"}
            merged[name] = (merged[name] & words or {"'none'"}) if name in merged else words
    return merged


def _csp(response: Response) -> int:
    policies = response.policies
    if not policies.enforced or any(item.endswith("(given twice)") for item in policies.ignored):
        return -25
    merged = _merged(policies)
    script, style, objects = (_governing(merged, name) for name in ("script-src", "style-src", "object-src"))
    if "'strict-dynamic'" in script and not any(word.startswith(_NONCE_OR_HASH) for word in script):
        return -25
    script = _without_overruled(script)
    others = set().union(*(words for name, words in merged.items() if name not in ("script-src", *_PASSIVE)), script)
    passive = set().union(*(_governing(merged, name, set()) for name in _PASSIVE))
    if _unsafe(script) or any(map(_BROAD.fullmatch, objects)):
        return -20
    if response.is_secure and any(word.startswith(("http:", "ftp:")) for word in others):
        return -20
    if "'unsafe-eval'" in script | style:
        return -10
    if response.is_secure and any(word.startswith(("http:", "ftp:")) for word in passive):
        return -10
    if _unsafe(_without_overruled(style)):
        return 0
    return 10 if merged.get("default-src") == {"'none'"} else 5


_PASSIVE = ("img-src", "media-src")


def _governing(merged: dict[str, set[str]], name: str, absent: Iterable[str] = ("*",)) -> set[str]:
    return merged.get(name) or merged.get("default-src") or set(absent)


def _without_overruled(words: set[str]) -> set[str]:
    """Without what a nonce or hash, and ``'strict-dynamic'`` beside it, switches off."""
    if not any(word.startswith(_NONCE_OR_HASH) for word in words):
        return words
    if "'strict-dynamic'" not in words:
        return words - {"'unsafe-inline'"}
    kept = words - {"'unsafe-inline'", "'self'"}
    return {word for word in kept if not word.startswith(("http:", "https:", "ftp:", "*"))}


def _unsafe(words: set[str]) -> bool:
    return any(word in ("'unsafe-inline'", "data:") or _BROAD.fullmatch(word) for word in words)


def _cookies(response: Response) -> int:
    cookies = [Cookie.parse(field) for field in response.all("Set-Cookie")]
    if not cookies:
        return 0
    worst = min(_cookie(item, protected=_hsts(response) == 0) for item in cookies)
    return 5 if worst == 0 and all(item.attributes.get("samesite") for item in cookies) else worst


def _cookie(cookie: Cookie, *, protected: bool) -> int:
    name, attributes = cookie.name.lower(), cookie.attributes
    session = "sess" in name or "login" in name
    same_site = attributes.get("samesite", "unset").lower()
    found = [0]
    if "secure" not in attributes:
        found.append((-10 if session else -5) if protected else (-40 if session else -20))
        found.append(-20 if same_site == "none" else 0)
    if same_site not in ("lax", "strict", "none", "unset") or ("csrf" in name and same_site == "unset"):
        found.append(-20)
    if session and "httponly" not in attributes:
        found.append(-30)
    return min(found)


def _resource_policy(values: list[str]) -> int:
    if not values:
        return 0
    return {"same-origin": 10, "same-site": 10, "cross-origin": 0}.get(values[0].strip().lower(), -5)


def _shares_with_anyone(response: Response) -> bool:
    sent = [value for name, value in response.exchange.request.headers if name == "Origin"]
    credentials = [value.strip().lower() for value in response.all("Access-Control-Allow-Credentials")]
    return response.all("Access-Control-Allow-Origin")[:1] == sent and credentials[:1] == ["true"]


def _referrer(values: list[str]) -> int:
    if not values:
        return 0
    known = [token.lower() for token in split(values)]
    private = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
    return 5 if known and known[-1] in private else -5


def _hsts(response: Response) -> int:
    found = Hsts.parse(response.all("Strict-Transport-Security")) if response.is_secure else None
    if found is None or found.max_age is None:
        return -20
    return 0 if found.max_age >= _SIX_MONTHS else -10


def _framing(response: Response) -> int:
    if any("frame-ancestors" in policy.directives for policy in response.policies.in_header):
        return 5
    value = next(iter(response.all("X-Frame-Options")), "").strip().lower()
    return 0 if value in ("deny", "sameorigin") or value.startswith("allow-from") else -20


def _integrity(response: Response) -> int:
    if response.media_type is None or response.media_type.essence not in ("text/html", "application/xhtml+xml"):
        return 0
    tags = [tag for tag in _SCRIPT.findall(response.exchange.body) if _SOURCE.search(tag)]
    return min((_script(tag) for tag in tags), default=0)


def _script(tag: bytes) -> int:
    source = _SOURCE.search(tag)[1].lower()
    signed = b"integrity" in tag.lower()
    if not source.startswith((b"//", b"http:", b"https:")):
        return 5 if signed else 0
    if source.startswith(b"https:"):
        return 5 if signed else -5
    return -20 if signed else -50
