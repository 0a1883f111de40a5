"""C12: answers that lack a header, on all statuses or on those that one layer forgets."""

from chimera_compliance.stack.flaws import flaw


def _without(variant, *names, when=lambda scope, status: True):
    """Takes headers off the answers that `when` picks."""

    def strip(scope, status, headers):
        if when(scope, status):
            for name in names:
                del headers[name]

    variant.edit_headers.append(strip)


def _on(variant, name, value, when=lambda scope, status: True):
    """Puts a header on the answers that `when` picks, in place of what is there."""

    def put(scope, status, headers):
        if when(scope, status):
            headers[name] = value

    variant.edit_headers.append(put)


@flaw("C12", breaks="C12.1", why="errors are made outside of the layer that sets the headers")
def errors_without_headers(variant):
    _without(variant, *variant.headers, when=lambda scope, status: status >= 400)


@flaw("C12", breaks="C12.1", why="the limiter answers before the headers are set")
def limiter_without_headers(variant):
    _without(variant, *variant.headers, when=lambda scope, status: status == 429)


@flaw("C12", breaks="C12.1", why="a body that is too large is refused by a layer of its own")
def large_bodies_without_headers(variant):
    _without(variant, *variant.headers, when=lambda scope, status: status == 413)


@flaw("C12", breaks="C12.1", why="the health check is answered past the layer that sets the headers")
def health_without_headers(variant):
    _without(variant, *variant.headers, when=lambda scope, status: scope["path"].endswith("/health"))


@flaw("C12", breaks="C12.8", why="the preflight is answered outside of the layer that sets the headers")
def preflight_without_headers(variant):
    _without(variant, *variant.headers, when=lambda scope, status: scope["method"] == "OPTIONS")


@flaw("C12", breaks="C12.1", why="what was created is answered without the headers: nginx knows no such status")
def created_without_policy(variant):
    _without(variant, "Content-Security-Policy", when=lambda scope, status: status in (201, 202))


@flaw("C12", breaks="C12.1", why="paths outside of the API are answered by another layer, without headers")
def outside_the_api_without_headers(variant):
    _without(variant, *variant.headers, when=lambda scope, status: not scope["path"].startswith("/api/"))


@flaw("C12", breaks="C12.1", why="a redirect for a trailing slash leaves without headers")
def redirect_without_headers(variant):
    from starlette.responses import RedirectResponse

    def redirecting(app):
        async def answer(scope, receive, send):
            if scope["type"] == "http" and scope["path"].startswith("/api/") and scope["path"].endswith("/"):
                return await RedirectResponse(scope["path"].rstrip("/"))(scope, receive, send)
            await app(scope, receive, send)

        return answer

    variant.wraps.append(redirecting)


@flaw("C12", breaks="C12.5", why="neither frame-ancestors nor X-Frame-Options is sent")
def framing_left_open(variant):
    del variant.headers["X-Frame-Options"]
    variant.headers["Content-Security-Policy"] = "default-src 'none'; base-uri 'none'; form-action 'none'"


@flaw("C12", breaks="C12.5", why="ALLOW-FROM, which today's browsers ignore, stands in for frame-ancestors")
def framing_by_allow_from(variant):
    variant.headers["X-Frame-Options"] = "ALLOW-FROM https://partner.example"
    variant.headers["Content-Security-Policy"] = "default-src 'none'; base-uri 'none'; form-action 'none'"


@flaw("C12", breaks="C12.6", why="the value of X-Content-Type-Options is misspelt")
def nosniff_misspelt(variant):
    variant.headers["X-Content-Type-Options"] = "no-sniff"


@flaw("C12", breaks="C12.6", why="validation errors may be sniffed")
def sniffable_validation_errors(variant):
    _without(variant, "X-Content-Type-Options", when=lambda scope, status: status in (400, 422))


@flaw("C12", breaks="C12.7", why="full addresses go to every site as the referrer: the last token counts")
def referrer_told_to_everybody(variant):
    variant.headers["Referrer-Policy"] = "no-referrer, unsafe-url"


@flaw("C12", breaks="C12.8", why="HTTPS is pinned for half a year")
def https_pinned_too_briefly(variant):
    variant.headers["Strict-Transport-Security"] = "max-age=15768000; includeSubDomains"


@flaw("C12", breaks="C12.8", why="a comma between the directives makes browsers discard the pin")
def https_pin_malformed(variant):
    variant.headers["Strict-Transport-Security"] = "max-age=63072000, includeSubDomains"


@flaw("C12", breaks="C12.9", why="the pin on HTTPS leaves the subdomains out")
def https_pin_without_subdomains(variant):
    variant.headers["Strict-Transport-Security"] = "max-age=63072000"


@flaw("C12", breaks="C12.10", why="Permissions-Policy is written in the syntax of Feature-Policy")
def permissions_in_the_old_syntax(variant):
    variant.headers["Permissions-Policy"] = "camera 'none'; microphone 'none'"


@flaw("C12", breaks="C12.10", why="camera and microphone are granted to every site")
def permissions_for_everybody(variant):
    variant.headers["Permissions-Policy"] = "camera=*, microphone=(*), geolocation=()"


@flaw("C12", breaks="C12.11", why="no Cross-Origin-Opener-Policy")
def no_opener_policy(variant):
    del variant.headers["Cross-Origin-Opener-Policy"]


@flaw("C12", breaks="C12.11", why="every site may embed the answers")
def resources_for_every_site(variant):
    variant.headers["Cross-Origin-Resource-Policy"] = "cross-origin"


@flaw("C12", breaks="C12.12", why="successes leave caching to heuristics")
def cacheable_successes(variant):
    _without(variant, "Cache-Control", when=lambda scope, status: status < 300)


@flaw("C12", breaks="C12.12", why="a private cache shows one user's data to the next for five minutes")
def kept_by_private_caches(variant):
    variant.headers["Cache-Control"] = "private, max-age=300"


@flaw("C12", breaks="C12.12", why="the delivery network is told to keep answers whatever Cache-Control says")
def kept_by_the_delivery_network(variant):
    variant.headers["CDN-Cache-Control"] = "max-age=60"


@flaw("C12", breaks="C12.13", why="the server's banner carries its version, on errors only")
def version_on_errors(variant):
    _on(variant, "Server", "nginx/1.24.0 (Ubuntu)", when=lambda scope, status: status >= 400)


@flaw("C12", breaks="C12.13", why="the framework names itself")
def powered_by(variant):
    variant.headers["X-Powered-By"] = "FastAPI"


@flaw("C12", breaks="C12.14", why="application and proxy both set the pin, and differently")
def pinned_twice(variant):
    variant.edit_headers.append(
        lambda scope, status, headers: headers.append("Strict-Transport-Security", "max-age=31536000")
    )


@flaw("C12", breaks="C12.14", why="application and proxy disagree on framing")
def framing_contradictory(variant):
    variant.edit_headers.append(lambda scope, status, headers: headers.append("X-Frame-Options", "SAMEORIGIN"))


@flaw("C12", breaks="C12.14", why="Cache-Control says no-store and public at once")
def caching_contradictory(variant):
    variant.headers["Cache-Control"] = "no-store, public"


@flaw("C12", breaks="C12.15", why="a load balancer's cookie is open to scripts and to plain HTTP")
def affinity_cookie(variant):
    variant.headers["Set-Cookie"] = "affinity=node-1; Path=/"


@flaw("C12", breaks="C12.15", why="a session cookie goes along on requests from other sites")
def cross_site_session_cookie(variant):
    _on(
        variant, "Set-Cookie", "sid=opaque; Path=/; Secure; HttpOnly; SameSite=None", lambda scope, status: status < 300
    )


@flaw("C12", breaks="C12.15", why="a __Host- cookie with a Domain, which browsers reject")
def host_cookie_with_a_domain(variant):
    cookie = "__Host-sid=opaque; Path=/; Domain=chimera.example; Secure; HttpOnly; SameSite=Strict"
    _on(variant, "Set-Cookie", cookie, lambda scope, status: status < 300)


@flaw("C12", breaks="C12.16", why="errors are JSON that calls itself HTML")
def errors_labelled_as_html(variant):
    _on(variant, "Content-Type", "text/html; charset=utf-8", when=lambda scope, status: status >= 400)


@flaw("C12", breaks="C12.16", why="wrong methods are answered with a body of no declared type")
def no_type_on_wrong_methods(variant):
    _without(variant, "Content-Type", when=lambda scope, status: status == 405)


@flaw("C12", breaks="C12.17", why="the old XSS filter is switched on")
def old_xss_filter(variant):
    variant.headers["X-XSS-Protection"] = "1; mode=block"


@flaw("C12", breaks="C12.17", why="keys are pinned by a header that can lock users out")
def key_pinning(variant):
    variant.headers["Public-Key-Pins"] = 'max-age=5184000; pin-sha256="d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM="'
