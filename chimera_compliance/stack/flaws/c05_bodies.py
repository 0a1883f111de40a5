"""C05: bodies that are wrong before any field is looked at, and are taken all the same."""

import json

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.impostors import Door
from chimera_compliance.stack.flaws.loosened import documents_as_before

_FETCH = "POST /trends/fetch"


def _before(made, change):
    """A layer that changes requests before the API sees them: `change(ask)`."""
    made.wraps.append(lambda app: Door(app, made, change))


def _headed(ask, **headers):
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    kept = [(name, value) for name, value in ask.scope["headers"] if name not in named]
    ask.scope["headers"] = kept + [(name, value.encode()) for name, value in named.items() if value is not None]


def _sized(ask, body):
    ask.body = body
    _headed(ask, content_length=str(len(body)))


def _header(ask, name):
    return ask.one(name) or ""


@flaw("C05", breaks="C05.15", why="what cannot be parsed counts as what there was before it broke off")
def broken_json_mended(made):
    def mend(ask):
        if ask.body and _header(ask, "content-type").startswith("application/json"):
            try:
                json.loads(ask.body)
            except ValueError:
                _sized(ask, ask.body + b"}")

    _before(made, mend)


@flaw("C05", breaks="C05.15", why="what stands behind the first JSON value is passed over")
def only_the_first_value(made):
    def cut(ask):
        try:
            text = ask.body.decode()
            _sized(ask, text[: json.JSONDecoder().raw_decode(text)[1]].encode())
        except ValueError:
            return

    _before(made, cut)


@flaw("C05", breaks="C05.16", why="JSON is taken under whatever media type")
def any_media_type(made):
    def call_it_json(ask):
        if ask.scope["method"] in ("POST", "PATCH"):
            _headed(ask, content_type="application/json")

    _before(made, call_it_json)


@flaw("C05", breaks="C05.16", why="forms are taken for JSON, which any page can send")
def forms_as_well(made):
    def unform(ask):
        if _header(ask, "content-type").startswith("application/x-www-form-urlencoded"):
            from urllib.parse import parse_qsl

            fields = {name: _value(text) for name, text in parse_qsl(ask.body.decode())}
            _sized(ask, json.dumps(fields).encode())
            _headed(ask, content_type="application/json")

    _before(made, unform)


def _value(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


@flaw("C05", breaks="C05.17", why="a body may be as large as one likes")
def bodies_without_end(made):
    made.settings.body_bytes = 10**9


@flaw("C05", breaks="C05.17", why="a compressed body is unpacked without an end")
def bombs_unpacked(made):
    def unpack(ask):
        if _header(ask, "content-encoding") == "gzip":
            import gzip

            try:
                body = gzip.decompress(ask.body)
            except OSError:
                return
            _headed(ask, content_encoding=None)
            _sized(ask, body.strip())

    _before(made, unpack)


@flaw("C05", breaks="C05.18", why="of a member given twice one is validated and any is used")
def twice_and_either(made):
    """The layer keeps whichever of the two lets the body through, as where two parsers read it."""

    def choose(ask):
        try:
            pairs = json.loads(ask.body, object_pairs_hook=list)
        except ValueError:
            return
        names = [name for name, _ in pairs] if isinstance(pairs, list) and pairs else []
        if len(set(names)) < len(names):
            good = {"status": ("active", "paused")}
            chosen = {name: value for name, value in pairs if value in good.get(name, (value,))}
            _sized(ask, json.dumps(chosen).encode())

    _before(made, choose)


@flaw("C05", breaks="C05.19", why="a handler takes any object, and the document says no more")
def any_object(made):
    from fastapi.responses import JSONResponse

    from chimera_compliance.stack.api.unit_of_work import UnitOfWork

    def fetch(work: UnitOfWork, body: dict):
        return JSONResponse({"accepted": True, "topic": body.get("topic")}, 202)

    made.operations[_FETCH].handler = fetch
    made.target.append(lambda document: document["api"]["bodies"].pop(_FETCH))


@flaw("C05", breaks="C05.2", why="a handler takes any object, and the document describes a model")
def any_object_behind_a_document(made):
    documents_as_before(made, _FETCH)
    any_object.bend.apply(made)


@flaw("C05", breaks="C05.5", why="a handler parses by hand, and NaN is neither below 1 nor above 100")
def not_a_number(made):
    documents_as_before(made, _FETCH)

    def refuses(body):
        limit = body.get("limit", 10)
        return not isinstance(limit, int | float) or isinstance(limit, bool) or limit < 1 or limit > 100

    made.operations[_FETCH].handler = _by_hand(made, refuses)


def _by_hand(made, refuses):
    """The reference's handler behind a look at the limit alone."""
    from fastapi import Request
    from fastapi.responses import JSONResponse

    from chimera_compliance.stack.api.errors import ApiError
    from chimera_compliance.stack.api.models import TrendsFetch
    from chimera_compliance.stack.api.unit_of_work import UnitOfWork

    async def fetch(work: UnitOfWork, request: Request):
        try:
            body = json.loads(await request.body())
            if not isinstance(body, dict) or refuses(body):
                raise ApiError(422, "The request is not valid", details=[{"field": "limit", "message": "1 to 100"}])
            TrendsFetch.model_validate({**body, "limit": 10})
        except (ValueError, RecursionError):
            raise ApiError(422, "The request is not valid") from None
        return JSONResponse({"accepted": True}, 202)

    return fetch


@flaw("C05", breaks="C05.20", why="a charset that does not exist is looked up")
def charset_looked_up(made):
    def decode(ask):
        charset = _header(ask, "content-type").partition("charset=")[2]
        if charset:
            ask.body = ask.body.decode(charset).encode()

    _crashing(made, decode)


@flaw("C05", breaks="C05.20", why="a body that is nested too deeply exhausts the stack")
def nested_too_deeply(made):
    _crashing(made, lambda ask: json.loads(ask.body) if ask.body.startswith(b'{"a":{"a":{"a"') else None)


@flaw("C05", breaks="C05.20", why="a body that is no UTF-8 is decoded before anybody is there to catch it")
def bytes_decoded(made):
    _crashing(made, lambda ask: ask.body.decode() if b"\xff\xfe\x80" in ask.body else None)


def _crashing(made, look):
    """A layer whose errors become the server's own 500."""
    from chimera_compliance.stack.api.errors import ApiError, response

    class Layer(Door):
        async def __call__(self, scope, receive, send):
            try:
                await super().__call__(scope, receive, send)
            except (LookupError, ValueError, RecursionError):
                await response(scope, ApiError(500, "Something went wrong on our side"))(scope, receive, send)

    made.wraps.append(lambda app: Layer(app, made, look))
