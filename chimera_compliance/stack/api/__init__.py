"""The API of CHIMERA.md as an ASGI application, assembled from a variant's seams."""

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


def build(variant: Variant, place: Place, server: Server, login: Login):
    """The application, ready to serve: its secrets are read and its OpenAPI document is written."""
    stored = SecretCache(place.aws_url, variant.settings.secrets_cached)
    app = FastAPI(title="Project Chimera", version="1.0.0", docs_url=None, redoc_url=None, openapi_url=None)
    app.router.redirect_slashes = False
    app.router.route_class = GuardedRoute
    app.state.variant = variant
    app.state.signing_key = lambda: stored.get(SIGNING_KEY)
    app.state.limiter = Limiter(variant.settings)
    app.state.database = Database(
        server.dsn(login.database, login.role, "unused"), lambda: stored.get(DATABASE_PASSWORD), variant
    )
    stored.get(SIGNING_KEY)
    errors.install(app)
    _add_operations(app, variant)
    write_openapi(place, openapi.document(app, variant, place.url))
    return _wrapped(app, variant)


def _add_operations(app: FastAPI, variant: Variant) -> None:
    for name, operation in variant.operations.items():
        method, path = name.split(" ")
        app.add_api_route(
            BASE + path,
            operation.handler,
            methods=[method],
            status_code=operation.status,
            include_in_schema=operation.documented,
            responses=openapi.error_responses(name, operation),
            name=operation.handler.__name__,
            **_text(operation.handler),
        )
    for add in variant.routes:
        add(app)


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
