"""What GitHub enforces on a branch, whichever way it was set up: classic protection or rulesets, or both.

REST API 2022-11-28: `GET /repos/{owner}/{repo}/branches/{branch}/protection` (needs administration: read) and
`GET /repos/{owner}/{repo}/rules/branches/{branch}` (needs metadata: read), which lists what is active.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive, NotReviewed

if TYPE_CHECKING:
    import requests

    from chimera_compliance.target import Target

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MOST_PAGES = 5
_LARGEST = 2_000_000


@dataclass
class BranchRules:
    """What holds for a branch. `unread` says which half could not be read, and why."""

    branch: str
    checks: set[str] = field(default_factory=set)
    """Names of the checks that must succeed before anything gets in."""
    no_force_push: bool = False
    no_deletion: bool = False
    bypassed_by: list[str] = field(default_factory=list)
    pull_request: bool = False
    unread: str = ""
    observation: str = ""

    @property
    def subject(self) -> str:
        """How a finding names it."""
        return f"branch {self.branch}"

    @property
    def actual(self) -> str:
        """What was seen, in a few words."""
        return f"required checks: {', '.join(sorted(self.checks)) or 'none'}"


class GitHubApi:
    """Reads a repository's rules; the token goes to no other host, and no redirect is followed."""

    def __init__(self, target: "Target", journal: Journal) -> None:
        self._settings = target.repo.github
        self._journal = journal
        self._timeout = target.scope.timeout_seconds
        self._token = target.secret(self._settings.token)
        journal.redact.add(self._token, "GITHUB_TOKEN")
        parts = urlsplit(self._settings.api_url)
        self._local = parts.hostname in _LOOPBACK
        if target.scope.hosts and not {parts.hostname, parts.netloc} & target.hosts:
            raise NotReviewed(f"{parts.hostname} is not in scope.hosts")
        if parts.scheme != "https" and not self._local:
            raise NotReviewed(f"{self._settings.api_url} would carry the token without TLS")

    def rules(self, branch: str) -> BranchRules:
        """What is enforced on a branch.

        Raises:
            Inconclusive: GitHub does not show the repository or the branch to this token.
        """
        made = BranchRules(branch)
        slug = self._settings.repository
        with self._session() as session:
            repository, _ = self._get(session, f"/repos/{slug}", made)
            if not isinstance(repository, dict):
                raise Inconclusive(f"GitHub does not show {slug} to this token")
            name = quote(branch, safe="")
            known, status = self._get(session, f"/repos/{slug}/branches/{name}", made)
            if not isinstance(known, dict):
                raise Inconclusive(f"GitHub shows no branch {branch} (status {status})")
            self._rulesets(session, made, f"/repos/{slug}/rules/branches/{name}")
            if known.get("protected") is not False:
                self._classic(session, made, f"/repos/{slug}/branches/{name}/protection")
        return made

    def _session(self) -> "requests.Session":
        import requests

        session = requests.Session()
        session.trust_env = not self._local  # no proxy reaches this machine's own ports
        session.headers.update(
            {
                "Authorization": f"Bearer {self._token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "chimera-compliance",
            }
        )
        return session

    def _get(self, session: "requests.Session", path: str, made: BranchRules) -> tuple[Any, int]:
        import requests

        url = self._settings.api_url + path
        try:
            answer = session.get(url, timeout=self._timeout, allow_redirects=False)
            body = answer.json() if len(answer.content) <= _LARGEST else None
        except requests.exceptions.JSONDecodeError:
            body = None
        except requests.RequestException as error:
            raise Inconclusive(f"{self._settings.api_url} does not answer: {type(error).__name__}") from None
        made.observation = self._journal.record(
            "http",
            f"GET {path}",
            sent={"method": "GET", "url": url},
            received={"status": answer.status_code, "body": body},
            raw=answer.content,
            reproduce=f"curl -H 'Authorization: Bearer $GITHUB_TOKEN' {url}",
        )
        if answer.status_code == 401:
            raise ConfigurationError("GitHub refuses the token of repo.github.token (401)")
        return (body if answer.status_code == 200 else _message(body)), answer.status_code

    def _rulesets(self, session: "requests.Session", made: BranchRules, path: str) -> None:
        sources = {}
        for page in range(1, _MOST_PAGES + 1):
            rules, status = self._get(session, f"{path}?per_page=100&page={page}", made)
            if status != 200:
                made.unread = f"rulesets: status {status}"
                return
            for rule in (one for one in rules or [] if isinstance(one, dict)):
                _apply(rule, made)
                sources[rule.get("ruleset_id")] = rule
            if len(rules or []) < 100:
                break
        for number, rule in sources.items():
            if rule.get("type") in ("required_status_checks", "non_fast_forward", "deletion") and number:
                self._bypasses(session, made, number)

    def _bypasses(self, session: "requests.Session", made: BranchRules, number: Any) -> None:
        ruleset, status = self._get(session, f"/repos/{self._settings.repository}/rulesets/{number}", made)
        if status != 200 or not isinstance(ruleset, dict):
            made.unread = f"ruleset {number}: status {status}"
        elif "bypass_actors" not in ruleset:
            made.unread = f"who may bypass ruleset {number} is not shown to this token"
        for actor in ruleset.get("bypass_actors") or [] if isinstance(ruleset, dict) else []:
            if actor.get("bypass_mode") != "pull_request":
                made.bypassed_by.append(f"{actor.get('actor_type')} {actor.get('actor_id') or ''}".strip())

    def _classic(self, session: "requests.Session", made: BranchRules, path: str) -> None:
        rules, status = self._get(session, path, made)
        if status == 404 and rules == "Branch not protected":
            return
        if status != 200 or not isinstance(rules, dict):
            made.unread = f"branch protection: status {status}"
            return
        checks = rules.get("required_status_checks") or {}
        made.checks |= {str(name) for name in checks.get("contexts") or []}
        made.checks |= {str(one.get("context")) for one in checks.get("checks") or []}
        made.no_force_push |= _off(rules, "allow_force_pushes")
        made.no_deletion |= _off(rules, "allow_deletions")
        made.pull_request |= "required_pull_request_reviews" in rules
        if not (rules.get("enforce_admins") or {}).get("enabled"):
            made.bypassed_by.append("administrators")


def _message(body: Any) -> str:
    return str(body.get("message", "")) if isinstance(body, dict) else ""


def _off(rules: dict[str, Any], name: str) -> bool:
    return not (rules.get(name) or {}).get("enabled", False)


def _apply(rule: dict[str, Any], made: BranchRules) -> None:
    match rule.get("type"):
        case "required_status_checks":
            made.checks |= set(_contexts(rule.get("parameters") or {}))
        case "non_fast_forward":
            made.no_force_push = True
        case "deletion":
            made.no_deletion = True
        case "pull_request":
            made.pull_request = True


def _contexts(parameters: dict[str, Any]) -> Iterator[str]:
    return (str(one.get("context")) for one in parameters.get("required_status_checks") or [])
