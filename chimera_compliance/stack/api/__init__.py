"""The API of CHIMERA.md as an ASGI application, assembled from a variant's seams."""

from functools import cache
from inspect import signature

from fastapi import FastAPI, Response

from chimera_compliance.stack.api import errors, headers, openapi
from chimera_compliance.stack.api.guard import GuardedRoute
from chimera_compliance.stack.api.limiter import AddressLimit, Limiter
from chimera_compliance.stack.api.secret_cache import SecretCache
from chimera_compliance.stack.api.shell import BodyLimit, RequestIdentity
from chimera_compliance.stack.api.unit_of_work import Database
from chimera_compliance.stack.database import Login
from chimera_compliance.stack.emulator import DATABASE_PASSWORD, SIGNING_KEY
from chimera_compliance.stack.postgres import Server
from chimera_compliance.stack.target_file import Place, write_openapi
from chimera_compliance.stack.variant import BASE, Variant


def build(variant: Variant, place: Place, server: Server, login: Login, stored: SecretCache):
    """The application, ready to serve; its OpenAPI document is written."""
    app = FastAPI(title="Project Chimera", version="1.0.0", docs_url=None, redoc_url=None, openapi_url=None)
    app.router.redirect_slashes = False
    app.state.variant = variant
    app.state.signing_key = lambda: stored.get(SIGNING_KEY)
    app.state.limiter = Limiter(variant.settings)
    app.state.database = Database(
        server.dsn(login.database, login.role, "unused"), lambda: stored.get(DATABASE_PASSWORD), variant
    )
    errors.install(app)
    app.router.routes.extend(_routes(variant))
    for add in variant.routes:
        add(app)
    write_openapi(place, openapi.document(app, variant, place.url))
    return _wrapped(app, variant)


def prepare(variant: Variant) -> None:
    """Make routes and their description ahead, so that a fork of this process finds them made."""
    openapi.describe(_routes(variant))


def _routes(variant: Variant) -> list[GuardedRoute]:
    return [
        _route(name, seam.handler, seam.status, seam.documented, openapi.errors(name, seam))
        for name, seam in variant.operations.items()
    ]


@cache
def _route(name: str, handler, status: int, documented: bool, errors: tuple[int, ...]) -> GuardedRoute:
    method, path = name.split(" ")
    return GuardedRoute(
        BASE + path,
        handler,
        methods=[method],
        status_code=status,
        include_in_schema=documented,
        responses=openapi.responses(errors),
        **_text(handler),
    )


def _text(handler) -> dict:
    """What the document must say of a handler that answers no JSON."""
    answer = signature(handler).return_annotation
    return {"response_class": answer} if isinstance(answer, type) and issubclass(answer, Response) else {}


def _wrapped(app, variant: Variant):
    """From the inside out: what every answer passes, also those of the framework's own errors."""
    inner = app
    app = BodyLimit(app, variant.settings.body_bytes)
    app = AddressLimit(app, inner.state.limiter, variant)
    app = headers.Cors(app, variant)
    app = headers.SecurityHeaders(app, variant)
    app = RequestIdentity(app)
    for wrap in variant.wraps:
        app = wrap(app)
    return app
