"""Stacks that take input in other ways than the reference, and are right."""

import json
from typing import Annotated

from chimera_compliance.stack.flaws import variant
from chimera_compliance.stack.flaws.loosened import loosened, models, signed

_ALL = ("POST /campaigns", "PATCH /campaigns/{campaign_id}", "POST /hitl/reviews/{review_id}/decision")
_ALL += ("POST /trends/fetch", "POST /commerce/transactions")


def _refusing(made, answer):
    """What the model refuses is answered by `answer(request, error)`."""

    def install(app):
        from fastapi.exceptions import RequestValidationError

        app.add_exception_handler(RequestValidationError, answer)

    made.routes.append(install)


@variant(why="wrong input is refused with 400 in place of 422, and without naming fields")
def input_refused_with_400(made):
    def answer(request, error):
        from chimera_compliance.stack.api.errors import ApiError, response

        return response(request.scope, ApiError(400, "The request is not valid"))

    _refusing(made, answer)


@variant(why="errors are problem documents (RFC 9457) everywhere")
def input_refused_with_problems(made):
    def rewrite(app):
        async def layered(scope, receive, send):
            started = {}

            async def problem(message):
                if message["type"] == "http.response.start":
                    started.update(message)
                    if message["status"] < 400:
                        await send(message)
                elif started["status"] < 400:
                    await send(message)
                elif not message.get("more_body"):
                    await _send_problem(send, started, message.get("body", b""))

            await app(scope, receive, problem)

        return layered

    made.wraps.append(rewrite)
    members = ["/type", "/title", "/status"]
    made.target.append(lambda document: document["input"].update(error_members=members))


async def _send_problem(send, started, body):
    told = json.loads(body or b"{}").get("error", {})
    problem = {"type": "about:blank", "title": told.get("message"), "status": started["status"]}
    if isinstance(told.get("details"), list):
        problem["errors"] = [{"pointer": "/" + item["field"].replace(".", "/")} for item in told["details"]]
    content = json.dumps(problem).encode()
    replaced = {b"content-type": b"application/problem+json", b"content-length": str(len(content)).encode()}
    headers = [(name, value) for name, value in started["headers"] if name.lower() not in replaced]
    await send({**started, "headers": [*headers, *replaced.items()]})
    await send({"type": "http.response.body", "body": content})


@variant(why="members that are not known are passed over, not refused")
def input_unknown_members_ignored(made):
    import inspect

    from pydantic import ConfigDict, create_model

    for name in _ALL:
        seam = made.operations[name]
        proper = inspect.signature(seam.handler).parameters["body"].annotation
        base = type("_Lenient", (proper,), {"model_config": ConfigDict(extra="ignore"), "__module__": __name__})
        seam.handler = signed(seam.handler, body=create_model(proper.__name__, __base__=base))


@variant(why="a goal must have twenty characters, and the document says ten")
def input_stricter_than_documented(made):
    from pydantic import Field

    kind = models().Prose
    loosened(made, "POST /campaigns", goal_description=(kind, Field(min_length=20, max_length=400)))


@variant(why='numbers may be written as text: "5" is 5, and is bounded as 5')
def input_numbers_as_text(made):
    from pydantic import Field

    money = Annotated[float, Field(allow_inf_nan=False)]
    loosened(made, "POST /campaigns", budget_usdc=(money, Field(ge=0.01, le=10_000)))
    loosened(made, "POST /trends/fetch", limit=(int, Field(10, ge=1, le=100)))


@variant(why="a page that is too long is cut to what is allowed, and the answer says so")
def input_pages_cut(made):
    from fastapi import Query

    for name in ("GET /content", "GET /tasks", "GET /hitl/queue"):
        seam, proper = made.operations[name], made.operations[name].handler
        seam.handler = _cutting(signed(proper, limit=Annotated[int, Query(ge=1)]))
        made.openapi.append(lambda document, path=name[4:]: _describe(document, path, _PAGE))


_PAGE = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}


def _cutting(handler):
    import inspect

    def index(**given):
        return handler(**{**given, "limit": min(given["limit"], 100)})

    index.__signature__ = inspect.signature(handler)
    return index


def _describe(document, path, schema):
    for parameter in document["paths"][path]["get"]["parameters"]:
        if parameter["name"] == "limit":
            parameter["schema"] = schema


@variant(why="of a member given twice the last one counts, for validation and for use")
def input_last_member_counts(made):
    from chimera_compliance.stack.flaws.impostors import Door

    def last(ask):
        try:
            body = json.dumps(json.loads(ask.body)).encode() if ask.body else b""
        except (ValueError, RecursionError):
            return
        if b"Infinity" in body or b"NaN" in body or len(ask.body) > made.settings.body_bytes:
            return
        ask.body = body
        others = [(name, value) for name, value in ask.scope["headers"] if name != b"content-length"]
        ask.scope["headers"] = [*others, (b"content-length", str(len(body)).encode())]

    made.wraps.append(lambda app: Door(app, made, last))


@variant(why="null stands for a member that may be left out")
def input_null_for_nothing(made):
    from pydantic import Field

    loosened(
        made, "PATCH /campaigns/{campaign_id}", budget_usdc=(models().Money | None, Field(None, ge=0.01, le=10_000))
    )


@variant(why="what cannot be an id is not found, in place of not valid")
def input_strange_ids_not_found(made):
    def answer(request, error):
        from chimera_compliance.stack.api.errors import ApiError, _invalid_input, response

        if all(problem["loc"][0] == "path" for problem in error.errors()):
            return response(request.scope, ApiError(404, "There is no such thing"))
        return _invalid_input(request, error)

    _refusing(made, answer)
