"""Headers on every answer, errors included: protection of browsers, and cross-origin sharing by allow-list."""

from starlette.datastructures import Headers, MutableHeaders

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Sets the variant's headers, then lets its editors change them."""

    def __init__(self, app, variant):
        self._app, self._variant = app, variant

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def secured(message):
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.update(self._variant.headers)
                for edit in self._variant.edit_headers:
                    edit(scope, message["status"], headers)
            await send(message)

        await self._app(scope, receive, secured)


class Cors:
    """Answers preflights and marks answers by the variant's policy: `(origin, settings) -> headers` for sharing."""

    def __init__(self, app, variant):
        self._app, self._variant = app, variant

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        asked = Headers(scope=scope)
        preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in asked
        shared = self._variant.cors(asked.get("origin"), preflight, self._variant.settings)

        async def marked(message):
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.add_vary_header("Origin")
                headers.update(shared)
            await send(message)

        if preflight:
            await marked({"type": "http.response.start", "status": 204, "headers": []})
            return await marked({"type": "http.response.body", "body": b""})
        await self._app(scope, receive, marked)
