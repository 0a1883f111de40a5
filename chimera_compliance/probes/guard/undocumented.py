"""Paths that nobody lists and somebody may have left open: consoles, dumps, documentation, what the source routes.

A path is asked for below the API's base and at the root of its host. What answers like a path that cannot exist is
a catch-all page, not an operation.
"""

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.guard.detours import Surroundings, alike
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.source_routes import routes_of

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.target import Target

DOCUMENTATION = (
    *("/docs", "/redoc", "/openapi.json", "/openapi.yaml", "/openapi", "/swagger", "/swagger.json", "/swagger.yaml"),
    *("/swagger-ui", "/swagger-ui/index.html", "/swagger-ui.html", "/api-docs", "/api-docs.json", "/v2/api-docs"),
    *("/v3/api-docs", "/rapidoc", "/scalar", "/reference", "/schema", "/api/schema", "/apispec_1.json", "/apidocs"),
)

USUAL = (
    *("/metrics", "/prometheus", "/stats", "/statistics", "/info", "/env", "/environment", "/config", "/settings"),
    *("/configuration", "/debug", "/_debug", "/debug/vars", "/debug/pprof/", "/debug/config", "/debug/routes"),
    *("/debug/users", "/debug/tokens", "/debug/requests", "/admin", "/admin/", "/admin/users", "/admin/tenants"),
    *("/admin/config", "/administrator", "/manage", "/management", "/internal", "/internal/status", "/internal/users"),
    *("/internal/tenants", "/internal/metrics", "/internal/debug", "/private", "/console", "/shell", "/exec", "/eval"),
    *("/graphql", "/graphiql", "/playground", "/altair", "/actuator", "/actuator/env", "/actuator/heapdump"),
    *("/actuator/mappings", "/actuator/configprops", "/server-status", "/server-info", "/phpinfo.php", "/trace"),
    *("/dump", "/export", "/backup", "/backup.sql", "/dump.sql", "/database.sql", "/db", "/logs", "/log", "/app.log"),
    *("/audit", "/audit_logs", "/audit-logs", "/users", "/user", "/accounts", "/tenants", "/tokens", "/token", "/keys"),
    *("/secrets", "/sessions", "/routes", "/test", "/tests", "/dev", "/seed", "/createdb", "/reset", "/me", "/whoami"),
    *("/jobs", "/queue", "/queues", "/workers", "/tasks/all", "/agents", "/wallets", "/reviews", "/transactions"),
    *("/.env", "/.env.local", "/.env.production", "/.git/config", "/.git/HEAD", "/.aws/credentials", "/config.json"),
    *("/config.yaml", "/config.yml", "/settings.py", "/docker-compose.yml", "/pyproject.toml", "/requirements.txt"),
)


@dataclass(frozen=True)
class Found:
    """A path that answers for itself, without a credential; evidence for a check."""

    exchange: Exchange

    @property
    def subject(self) -> str:
        """Method and path from the root of the host."""
        request = self.exchange.request
        parts = urlsplit(request.path)
        return f"{request.method} {parts.path or request.path}"

    @property
    def actual(self) -> str:
        """The status and how much was sent."""
        return f"{self.exchange.actual}, {len(self.exchange.body)} bytes"

    @property
    def observation(self) -> str:
        """The id of the exchange's observation."""
        return self.exchange.observation


def source_paths(target: "Target") -> list[str]:
    """The paths that the source tree routes, where the target file names one."""
    return routes_of(target.file(target.repo.path)) if target.repo else []


def look_for(api: "Api", around: Surroundings, paths: Iterable[str], known: Sequence[str]) -> list[Found]:
    """The paths that answer 2xx with more than a catch-all page; `known` (``GET /campaigns``) are not asked for.

    A path holds no query and begins with a slash.

    Raises:
        Inconclusive: the stack does not answer.
    """
    roots = dict.fromkeys((around.base_url, around.origin))
    listed = [_matching(around.prefix + name.removeprefix("GET ")) for name in known if name.startswith("GET /")]
    everywhere = (root + path for root in roots for path in dict.fromkeys(paths))
    urls = [url for url in everywhere if not any(template.fullmatch(urlsplit(url).path) for template in listed)]
    answers = api.send([Request("GET", url, note="no token") for url in urls])
    nowhere = {root: _nowhere(api, root) for root in roots}
    if silent := [root for root in roots if not any(exchange.answered for exchange in nowhere[root])]:
        raise Inconclusive(f"no answer at {silent[0]}")
    return [Found(a) for url, a in zip(urls, answers, strict=True) if _is_something(a, nowhere[_root(url, roots)])]


def _matching(template: str) -> re.Pattern[str]:
    """The paths that a template stands for."""
    return re.compile(re.sub(r"\\{[^{}]*\\}", "[^/]+", re.escape(template)))


def _nowhere(api: "Api", root: str) -> list[Exchange]:
    """What a path answers that cannot exist; with an extension and without, for catch-alls tell them apart."""
    word = uuid.uuid4().hex
    return api.send([Request("GET", f"{root}/{word}{end}", note="a path that does not exist") for end in ("", ".json")])


def _root(url: str, roots: Iterable[str]) -> str:
    return max((root for root in roots if url.startswith(root)), key=len)


def _is_something(exchange: Exchange, nowhere: list[Exchange]) -> bool:
    return exchange.ok and bool(exchange.body) and not any(alike(exchange, other) for other in nowhere)
