"""Planted credentials of every kind: the search must find them, and no allow-list may let them through."""

from collections.abc import Iterator
from dataclasses import dataclass

from chimera_compliance.probes.repository import policy
from chimera_compliance.probes.repository.allowlists import AllowList, Seen
from chimera_compliance.probes.repository.detectors import ByRule, Detector
from chimera_compliance.probes.repository.gitleaks import Configuration
from chimera_compliance.probes.repository.inspector import Inspector
from chimera_compliance.probes.repository.rule import filled

_EACH = 12
_KINDS = (
    *("github-token", "aws-access-key", "private-key", "stripe-key", "slack-token", "google-api-key"),
    *("json-web-token", "aws-secret-key", "url-credential"),
)
_PASSWORD = 'DB_PASSWORD = "{pass:16}"'
_PLACES = (
    "src/app/settings.py",
    "config/production.yaml",
    ".env.production",
    "deploy/main.tf",
    "skills/publish/run.py",
)
_SHARE = 0.5


@dataclass(frozen=True)
class Swallowed:
    """What an allow-list lets through that it must not."""

    place: str
    kinds: tuple[str, ...]
    how: str


def unfound(inspector: Inspector) -> list[str]:
    """The rules of which a planted credential is not found: none, if the search works."""
    samples = [(one.id, hit) for one in inspector.detectors if isinstance(one, ByRule) for hit in one.rule.hits]
    return [f"{rule}: {hit}" for rule, hit in samples if not inspector.look(filled(hit, seed=7).encode())]


def swallowed(configuration: Configuration, paths: list[str], detectors: list[Detector]) -> list[Swallowed]:
    """The allow-lists that let through credentials of a kind anywhere, or whatever stands in the application."""
    canaries = dict(_canaries(detectors))
    return [found for one in configuration.allow_lists if (found := _judged(one, canaries, paths)) is not None]


def _canaries(detectors: list[Detector]) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    for detector in detectors:
        if isinstance(detector, ByRule) and detector.id in _KINDS:
            texts = [filled(detector.rule.hits[0], seed) for seed in range(_EACH)]
            yield detector.id, [(c.value, c.match, c.line) for text in texts for c in detector.judge(text)]
    texts = [filled(_PASSWORD, seed) for seed in range(_EACH)]
    yield "hardcoded-password", [(text[15:-1], text, text) for text in texts]


def _judged(one: AllowList, canaries: dict[str, list[tuple[str, str, str]]], paths: list[str]) -> Swallowed | None:
    kinds = tuple(
        rule for rule, planted in canaries.items() if one.concerns(rule) and _lets_through(one, rule, planted)
    )
    if kinds:
        return Swallowed(one.place, kinds, "wherever they stand")
    if not one.paths or (one.all_of and (one.regexes or one.stopwords or one.commits)):
        return None
    covered = _covered(one, paths)
    return Swallowed(one.place, tuple(canaries), covered) if covered else None


def _lets_through(one: AllowList, rule: str, planted: list[tuple[str, str, str]]) -> bool:
    passed = sum(
        all(one.allows(Seen(rule, path, "", secret, match, line)) for path in _PLACES)
        for secret, match, line in planted
    )
    return bool(planted) and passed > _SHARE * len(planted)


def _covered(one: AllowList, paths: list[str]) -> str:
    """Which part of the application a list of paths leaves out: most of it, or the files that secrets are put into."""
    own = [path for path in paths if policy.is_application(path)] or list(_PLACES)
    left_out = [path for path in own if any(pattern.search(path) for pattern in one.paths)]
    if len(left_out) > 1 and len(left_out) >= 0.4 * len(own):
        return f"in {len(left_out)} of the application's {len(own)} files"
    typical = [path for path in _PLACES if any(pattern.search(path) for pattern in one.paths)]
    return f"in files such as {typical[0]}" if typical else ""
