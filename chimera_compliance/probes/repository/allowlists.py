"""What a repository lets through: the allow-lists of its .gitleaks.toml, .gitleaksignore and comments."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chimera_compliance.probes.repository.golang_regex import compiled

COMMENT = "gitleaks:allow"
_ALIASES = {
    "generic-api-key": {"hardcoded-secret", "hardcoded-password", "keyed-hex"},
    "private-key": {"private-key", "putty-key"},
    "aws-access-token": {"aws-access-key"},
    "aws-access-key": {"aws-access-key"},
    "github-pat": {"github-token"},
    "github-oauth": {"github-token"},
    "github-app-token": {"github-token"},
    "github-fine-grained-pat": {"github-fine-grained-token"},
    "jwt": {"json-web-token"},
    "gitlab-pat": {"gitlab-token"},
    "slack-bot-token": {"slack-token"},
    "slack-user-token": {"slack-token"},
    "slack-webhook-url": {"slack-webhook"},
    "stripe-access-token": {"stripe-key"},
    "gcp-api-key": {"google-api-key"},
    "sendgrid-api-token": {"sendgrid-key"},
    "npm-access-token": {"npm-token"},
    "pypi-upload-token": {"pypi-token"},
    "curl-auth-header": {"basic-authorization"},
    "curl-auth-user": {"command-user-password"},
}


def same_rule(theirs: str, ours: str) -> bool:
    """Whether a rule of gitleaks and one of ours are about the same kind of credential."""
    return theirs == ours or ours in _ALIASES.get(theirs, ())


@dataclass(frozen=True)
class Seen:
    """What an allow-list is asked about."""

    rule: str
    path: str
    commit: str
    secret: str
    match: str
    line: str


@dataclass(frozen=True)
class AllowList:
    """One allow-list; `rules` are those it is for, all if empty. `place` says where it stands."""

    place: str
    commits: frozenset[str] = frozenset()
    paths: tuple[re.Pattern[str], ...] = ()
    regexes: tuple[re.Pattern[str], ...] = ()
    stopwords: tuple[str, ...] = ()
    target: str = "secret"
    all_of: bool = False
    rules: frozenset[str] = frozenset()

    @classmethod
    def of(cls, table: dict, place: str, rules: Iterable[str] = ()) -> "AllowList":
        """As a table of the configuration has it.

        Raises:
            ValueError, TypeError, re.error: it is malformed.
        """
        return cls(
            place,
            commits=frozenset(str(one).lower() for one in table.get("commits", [])),
            paths=tuple(compiled(one) for one in table.get("paths", [])),
            regexes=tuple(compiled(one) for one in table.get("regexes", [])),
            stopwords=tuple(str(one).lower() for one in table.get("stopwords", [])),
            target=str(table.get("regexTarget", "secret") or "secret"),
            all_of=str(table.get("condition", "OR")).upper() in ("AND", "&&"),
            rules=frozenset([*rules, *table.get("targetRules", [])]),
        )

    def concerns(self, rule: str) -> bool:
        """Whether it is about a rule."""
        return not self.rules or any(same_rule(one, rule) for one in self.rules)

    def allows(self, seen: Seen) -> bool:
        """Whether gitleaks would let it through: one condition is enough, unless all must hold."""
        if not self.concerns(seen.rule):
            return False
        text = {"match": seen.match, "line": seen.line}.get(self.target, seen.secret)
        said = []
        if self.commits:
            said.append(bool(seen.commit) and seen.commit.lower() in self.commits)
        if self.paths:
            said.append(bool(seen.path) and any(pattern.search(seen.path) for pattern in self.paths))
        if self.regexes:
            said.append(any(pattern.search(text) for pattern in self.regexes))
        if self.stopwords:
            said.append(any(word in seen.secret.lower() for word in self.stopwords))
        return bool(said) and (all(said) if self.all_of else any(said))


@dataclass(frozen=True)
class Ignored:
    """The fingerprints of a .gitleaksignore: ``commit:file:rule:line`` or ``file:rule:line``."""

    fingerprints: frozenset[tuple[str, str, str]] = frozenset()

    @classmethod
    def of(cls, text: str) -> "Ignored":
        """As the file has it."""
        found = set()
        for line in text.splitlines():
            parts = line.strip().rsplit(":", 2)
            if line.strip().startswith("#") or len(parts) != 3:
                continue
            commit, _, file = parts[0].rpartition(":")
            found.add((commit, file, parts[2]))
        return cls(frozenset(found))

    def covers(self, path: str, commit: str, line: int) -> bool:
        """Whether it was accepted at that place."""
        return ("", path, str(line)) in self.fingerprints or (commit, path, str(line)) in self.fingerprints
