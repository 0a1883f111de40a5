"""Stacks whose headers differ from the reference's and protect as well."""

from chimera_compliance.stack.flaws import variant


@variant(why="framing is denied by frame-ancestors alone, as ASVS v5.0.0-3.4.6 has it")
def frame_ancestors_alone(stack):
    del stack.headers["X-Frame-Options"]


@variant(why="framing is denied by X-Frame-Options alone")
def x_frame_options_alone(stack):
    stack.headers["X-Frame-Options"] = "SAMEORIGIN"
    stack.headers["Content-Security-Policy"] = "default-src 'none'; base-uri 'none'; form-action 'none'"


@variant(why="the short policy for an API: nothing is loaded, so no base or form matters")
def short_policy(stack):
    stack.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"


@variant(why="a policy for pages of one's own, by allow-list, in odd case and with spare semicolons")
def policy_by_allow_list(stack):
    stack.headers["X-Frame-Options"] = "sameorigin"
    stack.headers["Content-Security-Policy"] = (
        "; Default-Src 'SELF';; script-src 'self' https://static.chimera.example; object-src 'none';"
        " style-src 'self' 'unsafe-inline'; img-src * data:; base-uri 'self'; form-action 'self';"
        " frame-ancestors 'self'"
    )


@variant(why="a nonce drawn for every answer, with fall-backs for old browsers that new ones ignore")
def policy_with_nonces(stack):
    import secrets

    def draw(scope, status, headers):
        nonce = secrets.token_urlsafe(18)
        headers["Content-Security-Policy"] = (
            f"script-src 'nonce-{nonce}' 'strict-dynamic' 'unsafe-inline' https:; object-src 'none'; base-uri 'none';"
            " frame-ancestors 'none'"
        )

    stack.edit_headers.append(draw)


@variant(why="application and proxy each set a policy; both are enforced, and the loose one takes nothing away")
def two_policies(stack):
    stack.edit_headers.append(
        lambda scope, status, headers: headers.append("Content-Security-Policy", "default-src * 'unsafe-inline'")
    )


@variant(why="headers as a proxy sets them: a bare product name, Via, quoted max-age, lists with fall-backs")
def proxy_style_headers(stack):
    stack.headers |= {
        "server": "nginx",
        "via": "1.1 varnish",
        "strict-transport-security": 'max-age="31536000" ; includeSubDomains ; preload',
        "referrer-policy": "no-referrer, strict-origin-when-cross-origin",
        "x-xss-protection": "0",
        "permissions-policy": "camera=(), geolocation=(self)",
        "cross-origin-resource-policy": "same-site",
    }
    for name in ("Strict-Transport-Security", "Referrer-Policy", "Permissions-Policy", "Cross-Origin-Resource-Policy"):
        del stack.headers[name]


@variant(why="caches may keep answers and must ask before they show them again")
def revalidated_caches(stack):
    stack.headers["Cache-Control"] = "private, no-cache"


@variant(why="a session cookie with every guard, a CSRF cookie for scripts, and one that is taken away")
def guarded_cookies(stack):
    def put(scope, status, headers):
        headers.append("Set-Cookie", "__Host-session=opaque; Path=/; Secure; HttpOnly; SameSite=Lax")
        headers.append("Set-Cookie", "XSRF-TOKEN=opaque; Path=/; Secure; SameSite=Strict")
        headers.append("Set-Cookie", "old=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0")

    stack.edit_headers.append(put)


@variant(why="preflights and other answers without content carry no policy for content")
def bare_preflights(stack):
    def strip(scope, status, headers):
        if status == 204:
            for name in set(stack.headers) - {"Strict-Transport-Security", "Cache-Control"}:
                del headers[name]

    stack.edit_headers.append(strip)
