"""Flawed variants of the reference stack: how we know that a check would notice.

How to write one
----------------
Put a function into the module of its control (`c03_jwt.py`, `c04_rls.py`, …; every module of this folder is
found by itself). The function bends ONE seam of the `Variant` that it is given, in three to eight lines::

    from chimera_compliance.stack.flaws import flaw

    @flaw("C03", why="a token without a signature is accepted")
    def unsigned_token(variant):
        del variant.token_checks["signature"]

A flaw that no client can talk to at all (an expired certificate), or that leaves others nothing to go by (a malformed
configuration, lists that show another tenant's rows now and then), is registered with `blinds=True`: other controls
may then be inconclusive, though never failed.

Its name, with `-` for `_` and the control before it, is the variant's: `c03-unsigned-token`. `breaks="C03.2"` names the
requirement if it is known. `@variant(why=…)` registers a stack that is different and right, and must stay green
(`ok-rs256`); those live in `correct.py`. Import the standard library and this package at the top of a module,
and everything else inside the function: flaws are also listed where no web stack is installed.

The function runs in the supervisor, on a fresh `variant.reference()`, before anything of the variant exists.
What it leaves on the variant is used in the forked web server. It may close over anything.

The seams (`stack/variant.py`)
------------------------------
operations
    Dict of `"GET /tasks"` to `Operation`; its order is the router's, so that a dict that begins with another entry
    shadows a route, and a new entry is a new operation. Attributes of each:

    - handler: a FastAPI handler. `work: UnitOfWork` (`stack.api.unit_of_work`) brings the database session `work.db`,
      `work.caller` and `work.audit(…)`.
    - roles: a frozenset of those admitted. status: of success. limit: `tenant`, `hitl` or `commerce`.
    - public: no guard at all; such a handler must not take a UnitOfWork, since there is no caller.
    - documented: False hides it from the OpenAPI document.
    - admit: `async (request, operation, variant) -> Caller`, in place of `stack.api.guard.admit`; that module's parts
      `identify`, `spend` and `require_role` can be called from it. `flaws.ALICE` is a `Caller` to make one up.
token_checks
    Dict of name to `(token, variant) -> None`, which raises `Refused` (`stack.variant`). All run, in this order:
    algorithm, header, signature, expiry, issued, not_before, lifetime, issuer, audience, subject, tenant, role
    (`stack/api/tokens.py`). Delete or replace one. `token` has raw, header and claims (dicts), key (the stored
    secret), now. What is left must let `sub`, `tenant_id` (UUID texts) and `role` be read from `token.claims`;
    a check may write there.
known_user
    `(session, caller) -> bool`: the user exists, is active, and was granted the role.
signing
    `Signing(algorithm, key, public_key)`: the key of the target file's `mint` and of the stored secret.
bind
    `(connection, caller) -> None` at the beginning of every transaction: binds it to the tenant.
engine
    Keyword arguments of SQLAlchemy's create_engine (pool_size, connect_args, …), over ours.
sql
    List of statements run as superuser in the variant's own database, after schema, seed and grants. `{app}` is the
    application's login role, `{owner}` the tables' owner (shared by all variants: do not alter that role itself),
    `{database}` the database; other braces are SQL's. A role that you create must be named `{app}_something`, so
    that it is dropped with the variant; one named `{database}` is dropped as well, and its members may connect to that
    database without TLS. Tables and policies: `stack/schema.sql`; privileges: `stack/grants.sql`.
audit
    `(work, action, resource_type, resource_id, details) -> None`.
headers, edit_headers
    Dict of security headers set on every answer; and a list of `(scope, status, headers) -> None` run on each answer
    after that. `headers` is Starlette's MutableHeaders, `scope["path"]` begins with /api/v1.
cors
    `(origin, preflight, settings) -> dict` of headers.
settings
    Numbers and names: see `Settings` (issuer, limits, window, body_bytes, …).
forwarded_address
    `(scope) -> str`: whose budget an anonymous request is taken from; None is the connection's peer.
routes
    List of `(app: FastAPI) -> None`, run after the operations: raw, unguarded routes with full paths (/api/v1/…).
wraps
    List of `app -> app`: raw ASGI around everything, the last one outermost.
openapi
    List of `(document: dict) -> None`: what the published document says.
tls
    Keyword arguments of uvicorn.Config, over ours (ssl_ciphers, server_header, proxy_headers, …).
tls_context
    List of `(context: ssl.SSLContext) -> None`, run on the finished context: versions, options, parameters.
certificate
    `(authority, folder) -> Identity`: the web server's certificate in place of the shared one, made by
    `authority.issue(folder, "own", …)` with another key, names, lifetime, digest or issuer.
plain
    `app -> app`: served in plain HTTP on the declared plain port, which is closed otherwise; it is given a copy of
    the application (raw ASGI).
secrets
    List of `(client) -> None`: a boto3 Secrets Manager client of the variant's own account.
account
    List of `(account: stack.account.Account) -> None`, run inside the process that serves the variant's own account.
    They go there by name, so each is a module's function, or a `functools.partial` of one: no lambda, no closure. They
    may use boto3 clients, moto's objects, and `denied`, `throttled` and `unsupported` actions.
secret_cache
    `(endpoint, settings) -> cache`, in place of `stack.api.secret_cache.SecretCache`: what the application gets its
    secrets from, with `read(*names)` and `get(name)`. `settings.secrets_cached` and `secrets_retry` are its seconds.
repo
    List of `(path) -> None`: the variant's own git work tree, already committed.
github
    List of `(state) -> None`: the dict of `stack.github.reference()`, which a small GitHub of the variant's own serves.
target
    List of `(document: dict) -> None`: the target file before it is written. For correct variants, to declare what is
    different; a flaw does not change what a stack says about itself.
"""

import copy
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from chimera_compliance.stack import StackError
from chimera_compliance.stack.variant import ONE_FACET, Caller, Variant, reference

ALICE = Caller(
    user_id=UUID("a1000000-0000-4000-8000-000000000001"),
    tenant_id=UUID("a0000000-0000-4000-8000-000000000001"),
    role="operator",
)


@dataclass(frozen=True)
class Bend:
    """A registered variant; `control` is None for one that is correct."""

    name: str
    control: str | None
    why: str
    apply: Callable[[Variant], None]
    breaks: str | None = None
    blinds: bool = False
    also: tuple[str, ...] = ()


def flaw(
    control: str, *, why: str, breaks: str | None = None, blinds: bool = False, also: tuple[str, ...] = ()
) -> Callable:
    """Register a variant that must turn `control`, and those it breaks `also`, red, and no other."""
    return _registered(control.lower(), control, why, breaks=breaks, blinds=blinds, also=also)


def variant(*, why: str) -> Callable:
    """Register a variant that is different and right: all must stay green."""
    return _registered("ok", None, why)


def registry() -> dict[str, Bend]:
    """Every variant by name, flaws first, in the order of their controls."""
    return dict(_registry())


def find(name: str | None) -> Bend | None:
    """A registered variant; None is the reference.

    Raises:
        StackError: there is none of that name.
    """
    if name is not None and name not in _registry():
        raise StackError(f"there is no variant {name}; known are {', '.join(_registry()) or 'none'}")
    return _registry().get(name)


def build(name: str | None) -> Variant:
    """The reference with the named seam bent."""
    made, bend = reference(name), find(name)
    if bend:
        bend.apply(made)
    return made


def facets(name: str) -> set[str] | None:
    """The facets of a target that a variant differs in from the reference; None where it may be all."""
    made = reference(name)
    before = {seam: copy.deepcopy(value) for seam, value in vars(made).items()}
    find(name).apply(made)
    changed = {seam for seam, value in vars(made).items() if value != before[seam]}
    return {ONE_FACET[seam] for seam in changed} if changed and changed <= ONE_FACET.keys() else None


def _registered(first: str, control: str | None, why: str, **more) -> Callable:
    def mark(function: Callable) -> Callable:
        function.bend = Bend(f"{first}-{function.__name__.replace('_', '-')}", control, why, function, **more)
        return function

    return mark


@cache
def _registry() -> dict[str, Bend]:
    found: dict[str, Bend] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        for value in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            if isinstance(bend := getattr(value, "bend", None), Bend):
                if bend.name in found and found[bend.name] is not bend:
                    raise StackError(f"two variants are called {bend.name}")
                found[bend.name] = bend
    return found
