"""Writes a commented target file, filled with what can be discovered without changing anything."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.target import ApiFacet, DbFacet, Target
from chimera_compliance.verdict import first_line

_SCHEMA = "chimera-target.schema.json"
_LIMIT = 200

_HEAD = """\
# yaml-language-server: $schema=./{schema}
# What to verify, with whose credentials, and how far the suite may go.
# Secrets are named, never written down: ${{NAME}}, file:PATH or secretsmanager:ID#KEY.
version: 1
name: {name}

scope:
  hosts: {hosts}          # nothing else is contacted
  requests: 5000                # most HTTP requests in one run
  requests_per_second: 50
  writes: false                 # true: operations that change data are run with alice's and bob's tokens
"""

_API = """
api:
  base_url: {base_url}
  {ca_file}
  openapi: {openapi}     # path below base_url, URL or file
  public: {public}       # operations that need no credential
  roles:                        # roles that each operation admits; one that is not named admits all
{operations}
principals:                     # two users of two tenants made for testing
  alice: {{tenant: TENANT-A, subject: USER-A, role: operator}}
  bob: {{tenant: TENANT-B, subject: USER-B, role: operator}}

tokens:
  header: Authorization
  scheme: Bearer
  claims: {{subject: sub, tenant: tenant_id, role: role}}
  # One of: minted here, given per principal (token: {{given: ${{ALICE_TOKEN}}}}), or obtained by steps, as
  # in config/targets/example.yaml.
  mint: {{algorithm: HS256, key: "${{JWT_SIGNING_KEY}}"}}
"""

_DB = """
db:
  dsn: {dsn}                    # the application's own login, as deployed
  # catalog_dsn: ${{CATALOG_URL}}  # sees every row; plants canary rows that are always rolled back
  tenant_setting: app.current_tenant_id
  tenant_columns: [tenant_id]
  # Tables with such a column: {tables}
"""

_REPO = """
repo:
  path: {repo}
"""

_TAIL = """
# Declare, with a reason, what does not apply.
not_applicable: {}
#  C01: the secrets are verified by the platform team
"""


@dataclass
class _Discovered:
    """What was found by asking."""

    public: list[str] = field(default_factory=lambda: ["GET /health"])
    operations: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)


def init(
    file: Path,
    *,
    base_url: str | None,
    openapi: str | None,
    ca_file: str | None,
    dsn: str | None,
    repo: str | None,
    force: bool,
    write_line: Callable[[str], None],
) -> None:
    """Write a target file and, beside it, its JSON Schema for editors.

    Raises:
        ConfigurationError: the file exists already, cannot be written, or a given setting is malformed.
    """
    if file.exists() and not force:
        raise ConfigurationError(f"{file} exists already: choose another name or add --force")
    if not (base_url or dsn or repo):
        base_url = "https://api.example.com/api/v1"
    api = _facet(ApiFacet, base_url=base_url, ca_file=ca_file, openapi=openapi or "/openapi.json") if base_url else None
    db = _facet(DbFacet, dsn=dsn) if dsn else None
    found = _Discovered()
    if api and "example.com" not in api.base_url:
        _tell(write_line, "operations", lambda: _discover_operations(api, found), file)
    if db:
        _tell(write_line, "tenant tables", lambda: _discover_tables(db, found), file)
    _write(file, _render(file, api, dsn, repo, found))
    _write(file.parent / _SCHEMA, json.dumps(Target.model_json_schema(), indent=2) + "\n")
    write_line(f"wrote {file} and {file.parent / _SCHEMA}: fill in the principals, then run")
    write_line(f"  chimera-compliance doctor --target {file}")


def _facet(model, **settings):
    try:
        return model(**settings)
    except ValidationError as error:
        problem = error.errors()[0]
        message = problem["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"--{problem['loc'][0]}: {message}".replace("_", "-", 1)) from None


def _tell(write_line: Callable[[str], None], what: str, discover: Callable[[], int], file: Path) -> None:
    try:
        write_line(f"found {discover()} {what}")
    except Exception as error:  # discovery is a convenience: whatever it meets, the file is written
        write_line(f"found no {what}: {first_line(error)}; name them in {file}")


def _discover_operations(api: ApiFacet, found: _Discovered) -> int:
    from chimera_compliance.journal import Journal
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.openapi.operations import load_operations

    target = Target(name="discovery", api=api)
    with Api(target, Journal()) as client:
        operations = load_operations(target, client, {})
    if not operations:
        raise Inconclusive("the OpenAPI document lists none")
    found.public = [item.id for item in operations if item.public or item.secured is False]
    found.operations = [item.id for item in operations if item.id not in found.public]
    return len(operations)


_TABLES = """
SELECT DISTINCT format('%%I.%%I', n.nspname, c.relname) FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attname = ANY(%s) AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
  AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema' ORDER BY 1
"""


def _discover_tables(db: DbFacet, found: _Discovered) -> int:
    import psycopg

    target = Target(name="discovery", db=db)
    with psycopg.connect(target.dsn(db.dsn), connect_timeout=10) as connection:
        connection.read_only = True
        found.tables = [name for (name,) in connection.execute(_TABLES, [db.tenant_columns])]
    return len(found.tables)


def _render(file: Path, api: ApiFacet | None, dsn: str | None, repo: str | None, found: _Discovered) -> str:
    from urllib.parse import urlsplit

    hosts = [urlsplit(api.base_url).hostname] if api else []
    parts = [_HEAD.format(schema=_SCHEMA, name=json.dumps(f"My stack ({file.stem})"), hosts=json.dumps(hosts))]
    if api:
        lines = [f"    {json.dumps(name)}: [operator, reviewer, admin]\n" for name in found.operations[:_LIMIT]]
        parts.append(
            _API.format(
                base_url=json.dumps(api.base_url),
                ca_file=f"ca_file: {json.dumps(api.ca_file)}" if api.ca_file else "# ca_file: ca.pem",
                openapi=json.dumps(api.openapi),
                public=json.dumps(found.public),
                operations="".join(lines) or "    {}\n",
            )
        )
    if dsn:
        parts.append(_DB.format(dsn=json.dumps(dsn), tables=", ".join(found.tables[:_LIMIT]) or "none was found"))
    if repo:
        parts.append(_REPO.format(repo=json.dumps(repo)))
    return "".join([*parts, _TAIL])


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror}") from None
