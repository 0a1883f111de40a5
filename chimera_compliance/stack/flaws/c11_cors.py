"""C11: ways in which an allow-list of origins is compared wrongly, or not at all."""

import re
from urllib.parse import urlsplit

from chimera_compliance.stack.flaws import flaw, variant


def _grants(made, decides, **extra):
    """Grants an origin when `decides(origin, allowed)` says so, whatever the reference would do."""
    reference = made.cors

    def answer(origin, preflight, settings):
        allowed = settings.origins[0]
        if origin is None or not decides(origin, allowed):
            return reference(origin, preflight, settings)
        return {**reference(allowed, preflight, settings), "Access-Control-Allow-Origin": origin, **extra}

    made.cors = answer


def _adds(made, when=lambda origin, preflight: True, **headers):
    """Adds headers to whatever the reference grants."""
    reference = made.cors
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(origin, preflight, settings):
        granted = reference(origin, preflight, settings)
        return {**granted, **named} if when(origin, preflight) and origin is not None else granted

    made.cors = answer


@flaw("C11", why="every origin is reflected")
def reflected(made):
    _grants(made, lambda origin, allowed: True)


@flaw("C11", why="every origin is reflected, with credentials")
def reflected_with_credentials(made):
    _grants(made, lambda origin, allowed: True, **{"Access-Control-Allow-Credentials": "true"})


@flaw("C11", why="null is granted, which any sandboxed frame can send")
def null_origin(made):
    _grants(made, lambda origin, allowed: origin == "null")


@flaw("C11", why="the origin must only begin with an allowed one")
def prefix_comparison(made):
    _grants(made, lambda origin, allowed: origin.startswith(allowed))


@flaw("C11", why="the origin must only end with the allowed host")
def suffix_comparison(made):
    _grants(made, lambda origin, allowed: origin.endswith(urlsplit(allowed).hostname))


@flaw("C11", why="the allowed origin must only occur somewhere")
def containing_comparison(made):
    _grants(made, lambda origin, allowed: urlsplit(allowed).hostname in origin)


@flaw("C11", why="the allow-list is a regular expression with unescaped dots")
def unescaped_dots(made):
    _grants(made, lambda origin, allowed: re.fullmatch(allowed, origin) is not None)


@flaw("C11", why="every subdomain of the parent domain is granted")
def sibling_domains(made):
    _grants(made, lambda origin, allowed: origin.endswith("." + urlsplit(allowed).hostname.partition(".")[2]))


@flaw("C11", why="only the host is compared, so plain HTTP is granted")
def scheme_ignored(made):
    _grants(made, lambda origin, allowed: origin == allowed.replace("https:", "http:"))


@flaw("C11", why="the port is not compared")
def port_ignored(made):
    _grants(made, lambda origin, allowed: re.fullmatch(re.escape(allowed) + r":\d+", origin) is not None)


@flaw("C11", why="the developers' origin was never taken out")
def localhost_left_in(made):
    _grants(made, lambda origin, allowed: origin == "http://localhost:3000")


@flaw("C11", why="files opened from disk are granted")
def files_granted(made):
    _grants(made, lambda origin, allowed: origin == "file://")


@flaw("C11", why="any host may follow an underscore: browsers resolve such names")
def underscore_hosts(made):
    _grants(
        made, lambda origin, allowed: re.match(re.escape(allowed) + r"[^\w.:-]|" + re.escape(allowed) + "_", origin)
    )


@flaw("C11", why="a wildcard on every answer")
def wildcard(made):
    made.headers["Access-Control-Allow-Origin"] = "*"


@flaw("C11", why="a wildcard on errors alone")
def wildcard_on_errors(made):
    def put(scope, status, headers):
        if status >= 400:
            headers["Access-Control-Allow-Origin"] = "*"

    made.edit_headers.append(put)


@flaw("C11", why="the preflight alone reflects every origin, with credentials")
def preflight_reflects(made):
    reference = made.cors

    def answer(origin, preflight, settings):
        if not preflight:
            return reference(origin, preflight, settings)
        granted = reference(settings.origins[0], preflight, settings)
        return {**granted, "Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}

    made.cors = answer


@flaw("C11", why="one operation reflects every origin")
def one_operation_reflects(made):
    def put(scope, status, headers):
        origin = dict(scope["headers"]).get(b"origin")
        if origin and scope["path"].endswith("/tasks"):
            headers["Access-Control-Allow-Origin"] = origin.decode("latin-1")

    made.edit_headers.append(put)


@flaw("C11", why="cookies are granted although none is declared")
def credentials_for_declared(made):
    _adds(made, **{"Access-Control-Allow-Credentials": "true"})


@flaw("C11", why="the declared origin is refused: the front end cannot work, and somebody will open it too far")
def declared_origin_refused(made):
    made.cors = lambda origin, preflight, settings: {}


@flaw("C11", why="the preflight grants whatever method is asked for")
def methods_reflected(made):
    _adds(made, lambda origin, preflight: preflight, Access_Control_Allow_Methods="GET, POST, PATCH, TRACE, CONNECT")


@flaw("C11", why="the preflight grants headers that proxies trust")
def headers_reflected(made):
    _adds(made, lambda origin, preflight: preflight, Access_Control_Allow_Headers="*, Authorization, X-Forwarded-User")


@flaw("C11", why="answers depend on the origin and do not say so to caches")
def no_vary(made):
    def strip(scope, status, headers):
        del headers["vary"]

    made.edit_headers.append(strip)


@flaw("C11", why="two origins are named in one header")
def two_origins(made):
    _adds(made, Access_Control_Allow_Origin="https://app.chimera.example https://other.chimera.example")


@flaw("C11", why="a preflight lives in caches for a year")
def preflight_cached_for_a_year(made):
    _adds(made, lambda origin, preflight: preflight, Access_Control_Max_Age="31536000")


@flaw("C11", why="a public page may reach the API through its visitor's own network")
def private_network(made):
    def put(scope, status, headers):
        if scope["method"] == "OPTIONS":
            headers["Access-Control-Allow-Private-Network"] = "true"

    made.edit_headers.append(put)


@flaw("C11", why="the declared list itself holds a plain-HTTP origin")
def declared_in_plain_http(made):
    made.settings.origins = ("https://app.chimera.example", "http://app.chimera.example")
    made.target.append(lambda document: document["cors"]["allowed_origins"].append("http://app.chimera.example"))


@variant(why="no cross-origin access at all")
def cors_closed(made):
    made.cors = lambda origin, preflight, settings: {}
    made.target.append(lambda document: document["cors"].update(allowed_origins=[]))


@variant(why="two origins, one with a port, and cookies for both, as declared")
def cors_two_origins(made):
    made.settings.origins = ("https://app.chimera.example", "https://admin.chimera.example:8443")
    declared = {"allowed_origins": list(made.settings.origins), "allow_credentials": True}
    made.target.append(lambda document: document["cors"].update(declared))
    reference = made.cors

    def answer(origin, preflight, settings):
        granted = reference(origin, preflight, settings)
        return {**granted, "Access-Control-Allow-Credentials": "true"} if granted else granted

    made.cors = answer
