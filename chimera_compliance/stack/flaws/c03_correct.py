"""Stacks that authenticate differently and well: other algorithms, names, statuses and places."""

from chimera_compliance.stack.flaws import variant
from chimera_compliance.stack.flaws.impostors import door
from chimera_compliance.stack.variant import ALL_ROLES, Signing


def _refusing_with(stack, status: int) -> None:
    """Answer `status` where the guard says 401."""
    from chimera_compliance.stack.api import guard
    from chimera_compliance.stack.api.errors import ApiError

    async def admit(request, operation, v):
        try:
            return await guard.admit(request, operation, v)
        except ApiError as error:
            if error.status != 401:
                raise
            raise ApiError(status, "No") from None

    for operation in stack.operations.values():
        operation.admit = admit


@variant(why="missing and bad credentials answer 403, as FastAPI's HTTPBearer long did")
def forbidden_for_missing(stack):
    _refusing_with(stack, 403)


@variant(why="whoever has no right token is told that there is nothing")
def hidden_from_strangers(stack):
    _refusing_with(stack, 404)


@variant(why="a malformed token is an invalid request (400), as RFC 6750 §3.1 has it for malformed requests")
def bad_request_for_missing(stack):
    _refusing_with(stack, 400)


def _asymmetric(stack, algorithm: str, key) -> None:
    from cryptography.hazmat.primitives import serialization

    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    stack.signing = Signing(algorithm, private.decode(), public.decode())


@variant(why="tokens signed with ES256")
def es256(stack):
    from cryptography.hazmat.primitives.asymmetric import ec

    _asymmetric(stack, "ES256", ec.generate_private_key(ec.SECP256R1()))


@variant(why="tokens signed with EdDSA")
def eddsa(stack):
    from cryptography.hazmat.primitives.asymmetric import ed25519

    _asymmetric(stack, "EdDSA", ed25519.Ed25519PrivateKey.generate())


@variant(why="neither issuer nor audience in the tokens, as in ADR-005 §2")
def no_issuer_or_audience(stack):
    del stack.token_checks["issuer"], stack.token_checks["audience"]

    def declare(document):
        del document["tokens"]["issuer"], document["tokens"]["audience"]

    stack.target.append(declare)


@variant(why="a minute of leeway for clocks that differ")
def leeway_of_a_minute(stack):
    proper = stack.token_checks["expiry"]

    def expiry(token, v):
        token.now -= 60
        proper(token, v)
        token.now += 60

    stack.token_checks["expiry"] = expiry


@variant(why="other names for claims and roles")
def other_names(stack):
    names = {"uid": "sub", "org": "tenant_id", "scope": "role"}
    roles = {"chimera:write": "operator", "chimera:review": "reviewer", "chimera:root": "admin"}

    def translate(token, v):
        for theirs, ours in names.items():
            token.claims[ours] = token.claims.pop(theirs, None)
        role = token.claims["role"]
        token.claims["role"] = roles.get(role) if isinstance(role, str) else None

    stack.token_checks = {"translate": translate, **stack.token_checks}

    def declare(document):
        theirs = {ours: name for name, ours in roles.items()}
        document["tokens"]["claims"] = {"subject": "uid", "tenant": "org", "role": "scope"}
        document["roles"] = list(roles)
        document["api"]["roles"] = {op: [theirs[r] for r in named] for op, named in document["api"]["roles"].items()}
        for principal in document["principals"].values():
            principal["role"] = theirs[principal["role"]]

    stack.target.append(declare)


@variant(why="a bare token in a header of the stack's own")
def other_header(stack):
    def open(ask):
        token = ask.one("x-access-token") if len(ask.all("x-access-token")) == 1 else None
        ask.present(token if token is not None else "")

    door(stack, open)

    def declare(document):
        document["tokens"] |= {"header": "X-Access-Token", "scheme": ""}

    stack.target.append(declare)


@variant(why="tokens bear a type, and refresh tokens are refused")
def typed_tokens(stack):
    from chimera_compliance.stack.flaws.impostors import refusing

    stack.token_checks["type"] = lambda token, v: refusing(token.claims.get("token_use") != "access", "type")

    def declare(document):
        document["tokens"]["mint"]["claims"] = {"token_use": "access"}

    stack.target.append(declare)


@variant(why="tokens without iat and nbf, as in ADR-005 §2; the lifetime is not declared")
def no_time_of_issue(stack):
    del stack.token_checks["issued"], stack.token_checks["lifetime"]

    def declare(document):
        document["tokens"].pop("max_lifetime_seconds", None)
        document["tokens"]["mint"]["claims"] = {"iat": None, "nbf": None, "jti": None}

    stack.target.append(declare)


@variant(why="a web application beside the API answers every other path with its page")
def page_for_every_path(stack):
    def add(app):
        from fastapi.responses import HTMLResponse

        async def page(path: str):
            return HTMLResponse("<!doctype html><html lang=en><title>Chimera</title><p>Chimera</p></html>")

        app.add_api_route("/{path:path}", page, include_in_schema=False)

    stack.routes.append(add)


@variant(why="all roles may do everything: the role only tells people apart")
def roles_all_alike(stack):
    for operation in stack.operations.values():
        operation.roles = ALL_ROLES
    stack.target.append(lambda document: document["api"].pop("roles"))
