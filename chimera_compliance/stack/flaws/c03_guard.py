"""C03: who is let in without a token, by another way, in another name or in another role."""

from contextlib import suppress

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.impostors import door
from chimera_compliance.stack.variant import ALL_ROLES, BASE, Operation


@flaw("C03", breaks="C03.1", why="an operation refuses even the role that it is made for")
def right_role_refused(variant):
    variant.operations["GET /metrics"].roles = frozenset()


@flaw("C03", breaks="C03.2", why="one operation takes a request without a token for a known user's")
def anonymous_operation(variant):
    def open(ask):
        if ask.path == f"{BASE}/content" and ask.one("authorization") is None:
            ask.enter()

    door(variant, open)


@flaw("C03", breaks="C03.2", why="an operation that changes data is open, behind its validation")
def anonymous_write(variant):
    def open(ask):
        if ask.path == f"{BASE}/trends/fetch" and ask.one("authorization") is None:
            ask.enter()

    door(variant, open)


@flaw("C03", breaks="C03.2", why="an earlier route without a guard shadows the guarded one")
def shadowing_route(variant):
    def latest() -> dict:
        return {"status": "queued"}

    shadow = Operation(latest, public=True, documented=False)
    variant.operations = {"GET /tasks/{name}": shadow, **variant.operations}


@flaw("C03", breaks="C03.3", why="a header that is there and empty counts as logged in")
def empty_credential(variant):
    door(variant, lambda ask: ask.enter() if ask.one("authorization") == "" else None)


@flaw("C03", breaks="C03.3", why="the factory password is accepted beside tokens")
def factory_password(variant):
    def open(ask):
        import base64

        if (ask.one("authorization") or "") == "Basic " + base64.b64encode(b"admin:admin").decode():
            ask.enter()

    door(variant, open)


@flaw("C03", breaks="C03.3", why="a token whose payload is no mapping breaks the guard (500)")
def malformed_breaks(variant):
    def open(ask):
        import json

        from chimera_compliance.probes.jwt.jose import unb64

        parts = (ask.one("authorization") or "").split(".")
        if len(parts) == 3 and ask.path.startswith(BASE):
            with suppress(ValueError, KeyError):
                ask.scope["tenant"] = json.loads(unb64(parts[1]))["tenant_id"]

    door(variant, open)


@flaw("C03", breaks="C03.4", why="identity headers are believed, whoever sends them")
def identity_headers(variant):
    def open(ask):
        user, tenant = ask.one("x-user-id"), ask.one("x-tenant-id")
        if user and tenant and ask.one("authorization") is None:
            ask.enter(sub=user, tenant_id=tenant, role=ask.one("x-role") or "operator")

    door(variant, open)


@flaw("C03", breaks="C03.4", why="whoever says that he comes from inside is not asked for a token")
def inside_address(variant):
    def open(ask):
        if ask.one("x-forwarded-for") == "127.0.0.1" and ask.one("authorization") is None:
            ask.enter()

    door(variant, open)


@flaw("C03", breaks="C03.4", why="a header left over from testing switches the guard off")
def testing_switch(variant):
    door(variant, lambda ask: ask.enter() if ask.one("x-skip-auth") == "true" else None)


@flaw("C03", breaks="C03.4", why="the query names the user")
def identity_query(variant):
    def open(ask):
        if ask.one("authorization") is None and "user_id" in ask.query:
            ask.enter(sub=ask.query["user_id"])
            ask.scope["query_string"] = b""

    door(variant, open)


@flaw(
    "C03",
    breaks="C03.4",
    also=("C07",),
    why="ADR-005 §5 as written: the handler's `user` is read from the request body",
)
def user_from_body(variant):
    def open(ask):
        import json

        if ask.path != f"{BASE}/commerce/transactions" or ask.scope["method"] != "POST":
            return
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            body = json.loads(ask.body)
            user = body.pop("user")
            ask.enter(sub=user["user_id"], tenant_id=user["tenant_id"])
            ask.body = json.dumps({k: v for k, v in body.items() if k in _TRANSACTION}).encode()
            ask.scope["headers"] = [(k, v) for k, v in ask.scope["headers"] if k != b"content-length"]

    door(variant, open)


_TRANSACTION = ("agent_id", "transaction_type", "to_address", "amount_usdc", "purpose")


@flaw("C03", breaks="C03.5", why="the token is also taken from the query, where logs keep it")
def token_in_query(variant):
    def open(ask):
        if token := ask.query.get("access_token"):
            ask.present(token)
            ask.scope["query_string"] = b""

    door(variant, open)


@flaw("C03", breaks="C03.5", why="the token is also taken from a cookie, which any page can have sent")
def token_in_cookie(variant):
    door(variant, lambda ask: ask.present(token) if (token := ask.cookie("access_token")) else None)


@flaw("C03", breaks="C03.5", why="the scheme before the token is not looked at")
def any_scheme(variant):
    def open(ask):
        given = ask.one("authorization") or ""
        if len(ask.all("authorization")) == 1 and given.count(".") == 2 and not given.lower().startswith("bearer "):
            ask.present(given.rpartition(" ")[2])

    door(variant, open)


@flaw("C03", breaks="C03.6", why="two Authorization headers confuse the guard into admitting")
def doubled_header(variant):
    door(
        variant, lambda ask: ask.enter() if len(set(ask.all("authorization"))) < len(ask.all("authorization")) else None
    )


@flaw("C03", breaks="C03.7", why="of several tokens, the one that is right is searched for")
def any_of_several(variant):
    def open(ask):
        given = ask.all("authorization")
        for value in given if len(given) > 1 else []:
            ask.present(value.partition(" ")[2])
            if ask.claims():
                return

    door(variant, open)


@flaw("C03", breaks="C03.16", why="a JSON token is right when all of its signatures are, of which there may be none")
def json_without_signatures(variant):
    def open(ask):
        import json

        from chimera_compliance.probes.jwt.jose import unb64

        raw = (ask.one("authorization") or "").partition(" ")[2]
        if raw.startswith("{") and (token := json.loads(raw)).get("signatures") == []:
            claims = json.loads(unb64(token["payload"]))
            ask.enter(**{name: claims[name] for name in ("sub", "tenant_id", "role")})

    door(variant, open)


@flaw("C03", breaks="C03.31", why="one operation forgets its role")
def role_forgotten(variant):
    variant.operations["GET /metrics"].roles = ALL_ROLES


@flaw("C03", breaks="C03.31", why="an operation that changes data admits a role too many")
def role_too_many(variant):
    operation = variant.operations["PATCH /campaigns/{campaign_id}"]
    operation.roles = operation.roles | {"reviewer"}


@flaw("C03", breaks="C03.33", why="a header chooses the role")
def role_header(variant):
    def open(ask):
        if (role := ask.one("x-role")) and (claims := ask.claims()):
            ask.enter(**{**claims, "role": role})

    door(variant, open)


@flaw("C03", breaks="C03.34", why="headers choose user and tenant")
def tenant_header(variant):
    def open(ask):
        user, tenant, claims = ask.one("x-user-id"), ask.one("x-tenant-id"), ask.claims()
        if user and tenant and claims:
            ask.enter(**{**claims, "sub": user, "tenant_id": tenant})

    door(variant, open)


@flaw("C03", breaks="C03.39", why="401 does not say how to authenticate")
def silent_refusal(variant):
    def edit(scope, status, headers):
        if status == 401 and "www-authenticate" in headers:
            del headers["www-authenticate"]

    variant.edit_headers.append(edit)


@flaw("C03", breaks="C03.40", why="the health check needs a token")
def guarded_health(variant):
    variant.operations["GET /health"].public = False
