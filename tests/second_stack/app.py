"""The helpdesk's Flask application: every route, guard and input rule comes from openapi.yaml."""

import hashlib
import hmac
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import psycopg
from flask import Flask, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException, NotFound

from second_stack import contract, operations
from second_stack.badges import Badge, Office, Refused
from second_stack.desk import Desk
from second_stack.operations import Case
from second_stack.turnstile import Turnstile, tell

BASE = "/v2"
DOCUMENT = Path(__file__).with_name("openapi.yaml")


def digest(password: str, salt: bytes) -> bytes:
    """What is kept of a password."""
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=2**13, r=8, p=1)


def make_app(office: Office, desk: Desk) -> Flask:
    """The application over its two collaborators."""
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=131_072, TRUSTED_HOSTS=["127.0.0.1", "localhost"])
    app.url_map.merge_slashes = False
    turnstile = Turnstile()
    for operation in contract.operations(DOCUMENT):
        make = _public if operation.public else _guarded
        view = make(operation, office, desk, turnstile)
        methods = [operation.method]
        app.add_url_rule(BASE + operation.rule, operation.name, view, methods=methods, provide_automatic_options=False)
    app.after_request(tell)
    app.register_error_handler(HTTPException, _problem)
    app.register_error_handler(Refused, lambda _: _explain(403, "Forbidden", "A valid badge is needed."))
    for vanished in (psycopg.errors.InsufficientPrivilege, psycopg.errors.ForeignKeyViolation):
        app.register_error_handler(vanished, lambda _: _problem(NotFound()))  # by another request, after it was seen
    app.register_error_handler(Exception, _fault)
    return app


def _public(operation: contract.Operation, office: Office, desk: Desk, turnstile: Turnstile) -> Callable[..., Response]:
    answers = {
        "ping": lambda asked: jsonify(pong=True),
        "publish_keys": lambda asked: _cacheable(jsonify(office.key_set())),
        "sign_in": lambda asked: _sign_in(office, desk, **asked["body"]),
    }
    answer = answers[operation.name]

    def view(**_: str) -> Response:
        turnstile.stranger(request.remote_addr, operation.name)
        return answer(operation.read(request))

    return view


def _guarded(
    operation: contract.Operation, office: Office, desk: Desk, turnstile: Turnstile
) -> Callable[..., Response]:
    handle = getattr(operations, operation.name)

    def view(**_: str) -> Response:
        try:
            badge = office.verify(request.headers.get("X-Desk-Badge", ""))
        except Refused:
            turnstile.stranger(request.remote_addr, operation.name)
            raise
        turnstile.member(badge.org_id)
        with desk.working_for(badge, _caller()) as connection:
            if badge.group not in operation.groups:
                abort(403, "Your group may not do this.")
            return handle(Case(badge, operation.read(request), connection))

    return view


def _caller() -> tuple[str, str]:
    """From where and with what a request comes, for the ledger."""
    return request.remote_addr or "", request.headers.get("User-Agent", "")[:1000]


def _sign_in(office: Office, desk: Desk, login: str, password: str, group: str | None = None) -> Response:
    known = desk.knock(login)
    salt, expected = (known["salt"], known["digest"]) if known else (b"nobody's salt 16", b"")
    right = hmac.compare_digest(digest(password, salt), expected)
    if not right or (group or known["groups"][0]) not in known["groups"]:
        raise Refused
    badge = Badge(known["person_id"], known["org_id"], group or known["groups"][0])
    return jsonify(data={"jwt": office.issue(badge), "expires_in": office.lifetime_seconds})


def _cacheable(response: Response) -> Response:
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def _problem(error: HTTPException) -> Response:
    response = _explain(error.code, error.name, error.description)
    if allow := dict(error.get_headers()).get("Allow"):
        response.headers["Allow"] = allow
    return response


def _fault(_: Exception) -> Response:
    traceback.print_exc(file=sys.stderr)
    return _explain(500, "Internal Server Error", "It is our fault, and we have been told.")


def _explain(status: int, title: str, detail: str | None) -> Response:
    response = jsonify(type="about:blank", title=title, status=status, detail=detail)
    response.status_code, response.mimetype = status, "application/problem+json"
    return response
