"""C03: ways around the guard, and what stands beside the documented operations."""

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.impostors import door
from chimera_compliance.stack.variant import BASE


def _unguarded(variant, goal) -> None:
    """A guard that does not recognise what the router does: `goal(ask)` is the path that is served without a token."""

    def open(ask):
        if ask.one("authorization") is None and (path := goal(ask)):
            ask.move(path)
            ask.enter()

    door(variant, open)


@flaw("C03", breaks="C03.35", why="two slashes are one for the router and none of its business for the guard")
def double_slash(variant):
    _unguarded(variant, lambda ask: ask.path.replace("//", "/") if "//" in ask.path else None)


@flaw("C03", breaks="C03.35", why="the guard knows paths without a slash at the end")
def trailing_slash(variant):
    _unguarded(variant, lambda ask: ask.path.rstrip("/") if ask.path.endswith("/") else None)


@flaw("C03", breaks="C03.35", why="the guard compares paths with their capitals, the router does not")
def capitals(variant):
    _unguarded(variant, lambda ask: ask.path.lower() if ask.path != ask.path.lower() else None)


@flaw("C03", breaks="C03.35", why="the guard knows the prefix in small letters, the router any letters")
def capitals_in_prefix(variant):
    _unguarded(variant, lambda ask: BASE + ask.path[len(BASE) :] if ask.path.startswith(BASE.upper()) else None)


@flaw("C03", breaks="C03.31", why="the table of roles knows paths without a slash at the end")
def trailing_slash_and_role(variant):
    def open(ask):
        if ask.path.endswith("/") and (claims := ask.claims()):
            ask.move(ask.path.rstrip("/"))
            ask.enter(**{**claims, "role": "admin"})

    door(variant, open)


@flaw("C03", breaks="C03.35", why="a matrix parameter hides the path from the guard")
def matrix_parameter(variant):
    _unguarded(variant, lambda ask: ask.path.partition(";")[0] if ";" in ask.path else None)


@flaw("C03", breaks="C03.35", why="what begins with an open path is open, before dot segments are resolved")
def dot_segments(variant):
    import posixpath

    def goal(ask):
        return posixpath.normpath(ask.path) if ask.path.startswith(f"{BASE}/health/..") else None

    _unguarded(variant, goal)


@flaw("C03", breaks="C03.35", why="a URL with /health anywhere in it is open")
def open_word(variant):
    _unguarded(variant, lambda ask: ask.path if b"health" in ask.scope["query_string"] else None)


@flaw("C03", breaks="C03.35", why="the application routes by a header that only the proxy should set")
def original_url(variant):
    _unguarded(variant, lambda ask: (ask.one("x-original-url") or "").partition("?")[0] or None)


@flaw("C03", breaks="C03.35", why="the guard takes a preflight's headers for a preflight")
def preflight_headers(variant):
    def goal(ask):
        return ask.path if ask.one("access-control-request-method") and ask.scope["method"] != "OPTIONS" else None

    _unguarded(variant, goal)


@flaw("C03", breaks="C03.35", why="the method is overridden after the guard has looked at it")
def method_override(variant):
    def goal(ask):
        if ask.scope["method"] == "OPTIONS" and (method := ask.one("x-http-method-override")):
            ask.scope["method"] = method
            return ask.path
        return None

    _unguarded(variant, goal)


@flaw("C03", breaks="C03.35", why="HEAD is answered for every GET, and not guarded")
def head_unguarded(variant):
    def goal(ask):
        if ask.scope["method"] != "HEAD":
            return None
        ask.scope["method"] = "GET"
        return ask.path

    _unguarded(variant, goal)


@flaw("C03", breaks="C03.35", why="the same routes answer without a guard below an internal prefix")
def internal_prefix(variant):
    _unguarded(variant, lambda ask: ask.path.removeprefix("/internal") if ask.path.startswith("/internal/") else None)


@flaw("C03", breaks="C03.36", why="a method that was never listed deletes, and asks nobody")
def unlisted_delete(variant):
    async def remove(campaign_id: str):
        from fastapi import Response

        return Response(status_code=204)

    variant.routes.append(
        lambda app: app.add_api_route(
            f"{BASE}/campaigns/{{campaign_id}}", remove, methods=["DELETE"], include_in_schema=False
        )
    )


def _open(variant, path: str, content: dict) -> None:
    async def show():
        return content

    variant.routes.append(lambda app: app.add_api_route(path, show, include_in_schema=False))


@flaw("C03", breaks="C03.37", why="a debugging route was left in, below the API")
def debug_route(variant):
    _open(variant, f"{BASE}/debug/config", {"environment": "production", "workers": 4})


@flaw("C03", breaks="C03.37", why="metrics are guarded below the API and open beside it")
def metrics_beside(variant):
    _open(variant, "/metrics", {"campaigns_total": 12})


@flaw("C03", breaks="C03.37", why="a route that only the source tree shows is open")
def route_in_source(variant):
    _open(variant, f"{BASE}/rollout/stages", {"stages": ["canary", "all"]})

    def write(path):
        source = '@router.get("/rollout/stages")\nasync def stages():\n    return {"stages": STAGES}\n'
        (path / "src" / "rollout.py").write_text(f"from app import STAGES, router\n\n\n{source}")

    variant.repo.append(write)


@flaw("C03", breaks="C03.38", why="the OpenAPI document is served to everybody")
def open_document(variant):
    _open(variant, f"{BASE}/openapi.json", {"openapi": "3.1.0", "info": {"title": "Chimera"}, "paths": {}})
