"""C05: errors that say too much, or say it in another way; and what breaks on odd input."""

import inspect
from typing import Annotated

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.loosened import loosened, models

_TRANSFER, _FETCH = "POST /commerce/transactions", "POST /trends/fetch"


def _handles(made, error, answer):
    """The application's handler of a kind of error: `answer(request, error)`; made where the web server runs."""
    made.routes.append(lambda app: app.add_exception_handler(error(), answer))


def _page_zero(made):
    from chimera_compliance.stack.flaws.c05_parameters import page_zero

    page_zero.bend.apply(made)


def _plain(status, text, kind="text/plain"):
    from fastapi import Response

    return Response(text, status, media_type=kind)


def _data_error():
    from sqlalchemy.exc import DBAPIError

    return DBAPIError


def _invalid():
    from fastapi.exceptions import RequestValidationError

    return RequestValidationError


def _http():
    from starlette.exceptions import HTTPException

    return HTTPException


@flaw("C05", breaks="C05.22", why="a failure is answered with its stack trace")
def trace_in_the_answer(made):
    _page_zero(made)

    def answer(request, error):
        import traceback

        return _plain(500, "".join(traceback.format_exception(error)))

    _handles(made, lambda: Exception, answer)


@flaw("C05", breaks="C05.22", why="the database's complaint is passed on, with its SQL")
def sql_in_the_answer(made):
    _page_zero(made)

    def answer(request, error):
        from chimera_compliance.stack.api.errors import ApiError, response

        return response(request.scope, ApiError(400, str(error)))

    _handles(made, _data_error, answer)


@flaw("C05", breaks="C05.22", why="an unknown path is answered with where it was looked for")
def path_in_the_answer(made):
    def answer(request, error):
        from chimera_compliance.stack.api.errors import ApiError, _framework_error, response

        if error.status_code == 404:
            return response(request.scope, ApiError(404, f"/srv/chimera/static{request.url.path}: no such file"))
        return _framework_error(request, error)

    _handles(made, _http, answer)


@flaw("C05", breaks="C05.22", why="a method that is not allowed is answered with the router's own words")
def class_in_the_answer(made):
    def answer(request, error):
        from chimera_compliance.stack.api.errors import ApiError, _framework_error, response

        if error.status_code == 405:
            return response(request.scope, ApiError(405, "starlette.exceptions.HTTPException: 405"))
        return _framework_error(request, error)

    _handles(made, _http, answer)


@flaw("C05", breaks="C05.22", why="broken JSON is answered with the parser's exception")
def parser_in_the_answer(made):
    def answer(request, error):
        from chimera_compliance.stack.api.errors import ApiError, _invalid_input, response

        if any(problem["type"] == "json_invalid" for problem in error.errors()):
            return response(request.scope, ApiError(400, "json.decoder.JSONDecodeError: not JSON: line 1 column 1"))
        return _invalid_input(request, error)

    _handles(made, _invalid, answer)


@flaw("C05", breaks="C05.21", why="what the model refuses is told in the framework's own shape")
def framework_shape(made):
    def answer(request, error):
        from fastapi.responses import JSONResponse

        from chimera_compliance.stack.api.errors import _invalid_input

        if any(problem["type"] == "json_invalid" for problem in error.errors()):
            return _invalid_input(request, error)
        return JSONResponse(
            {"detail": [{"loc": list(item["loc"]), "msg": item["msg"]} for item in error.errors()]}, 422
        )

    _handles(made, _invalid, answer)


@flaw("C05", breaks="C05.21", why="broken JSON is refused with a page for people")
def page_for_people(made):
    def answer(request, error):
        from chimera_compliance.stack.api.errors import _invalid_input

        if any(problem["type"] == "json_invalid" for problem in error.errors()):
            return _plain(400, "<h1>Bad Request</h1>", "text/html")
        return _invalid_input(request, error)

    _handles(made, _invalid, answer)


@flaw("C05", breaks="C05.1", why="a purpose of 500 characters is documented, and the column holds 200")
def column_too_short(made):
    made.sql.append("ALTER TABLE transactions ALTER COLUMN purpose TYPE varchar(200)")


@flaw("C05", breaks="C05.1", why="texts beyond Latin-1 are documented, and break")
def latin_only(made):
    proper = made.operations[_TRANSFER].handler

    def create(work, body):
        body.purpose.encode("latin-1")
        return proper(work=work, body=body)

    create.__signature__ = inspect.signature(proper)
    made.operations[_TRANSFER].handler = create


@flaw("C05", breaks="C05.20", why="a NUL in a text reaches the database, which cannot hold it")
def nul_reaches_the_database(made):
    from pydantic import Field

    loosened(made, _TRANSFER, purpose=(str, Field(min_length=1, max_length=500)))


@flaw("C05", breaks="C05.20", why="half of a surrogate pair is accepted, and cannot be encoded")
def half_a_surrogate_pair(made):
    from pydantic import Field, WrapValidator

    kind = Annotated[str, WrapValidator(lambda value, handler: value if isinstance(value, str) else handler(value))]
    loosened(made, _FETCH, topic=(Annotated[kind, Field(min_length=1, max_length=200)], ...))


@flaw("C05", breaks="C05.20", why="a text where an object is expected breaks the handler")
def object_expected(made):
    from pydantic import BeforeValidator

    def strict(value):
        return value.strip() if value is not None else value

    loosened(made, _FETCH, source_type=(Annotated[models().TaskStatus | str, BeforeValidator(strict)], ...))


@flaw("C05", breaks="C05.12", why="the document states no bounds, which the model has")
def bounds_not_documented(made):
    def silent(document):
        for name in ("minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "format"):
            for schema in document["components"]["schemas"]["CampaignCreate"]["properties"].values():
                schema.pop(name, None)

    made.openapi.append(silent)


@flaw("C05", breaks="C05.12", why="the document calls the tenant a text of any kind")
def tenant_not_documented(made):
    made.openapi.append(
        lambda document: document["components"]["schemas"]["CampaignCreate"]["properties"]["tenant_id"].pop("format")
    )


@flaw("C05", breaks="C05.24", why="a campaign that is refused has been drafted before, and stays")
def refused_and_drafted(made):
    made.sql.append("GRANT INSERT ON campaigns TO {app}")

    def answer(request, error):
        from chimera_compliance.stack.api import tables
        from chimera_compliance.stack.api.errors import _invalid_input

        caller = getattr(request.state, "caller", None)
        if caller is not None and request.method == "POST" and request.url.path.endswith("/campaigns"):
            with request.app.state.database.transaction(caller) as session:
                session.add(tables.Campaign(**_DRAFT, tenant_id=caller.tenant_id))
        return _invalid_input(request, error)

    _handles(made, _invalid, answer)


_DRAFT = {
    "goal_description": "A draft of a campaign",
    "target_platforms": ["twitter"],
    "priority": "low",
    "budget_usdc": 1,
    "start_date": "2030-01-01",
    "end_date": "2030-02-01",
    "status": "paused",
}
