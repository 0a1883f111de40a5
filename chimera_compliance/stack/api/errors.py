"""One error shape for everything that can go wrong, and no word about why on the server's side."""

import datetime
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

CODES = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "invalid_request",
    409: "conflict",
    413: "invalid_request",
    415: "invalid_request",
    422: "validation_error",
    429: "rate_limit_exceeded",
    500: "internal_error",
    503: "service_unavailable",
}


class ApiError(Exception):
    """Ends a request with an error in Chimera's shape."""

    def __init__(self, status: int, message: str, code: str | None = None, details=None, headers=None):
        super().__init__(message)
        self.status, self.message, self.details, self.headers = status, message, details, headers
        self.code = code or CODES[status]


def not_found(what: str) -> ApiError:
    """The same answer for what does not exist and for what belongs to somebody else."""
    return ApiError(404, f"{what} not found")


def response(scope, error: ApiError) -> JSONResponse:
    """The error as a response; also for ASGI layers around the framework."""
    body = {
        "code": error.code,
        "message": error.message,
        "details": error.details,
        "request_id": scope.get("state", {}).get("request_id"),
        "timestamp": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
    }
    return JSONResponse({"error": body}, error.status, headers=error.headers)


def install(app: FastAPI) -> None:
    """Give the framework's own errors the same shape."""
    app.add_exception_handler(ApiError, _at_once(lambda request, error: response(request.scope, error)))
    app.add_exception_handler(HTTPException, _at_once(_framework_error))
    app.add_exception_handler(RequestValidationError, _at_once(_invalid_input))
    app.add_exception_handler(OperationalError, _at_once(_unavailable))
    app.add_exception_handler(PoolTimeout, _at_once(_unavailable))
    app.add_exception_handler(Exception, _at_once(_internal_error))


def _at_once(handler):
    """The handler as a coroutine: any other the framework would run in a thread."""

    async def handled(request: Request, error: Exception) -> JSONResponse:
        return handler(request, error)

    return handled


def _framework_error(request: Request, error: HTTPException) -> JSONResponse:
    status = error.status_code if error.status_code in CODES else 400
    return response(request.scope, ApiError(status, HTTPStatus(status).phrase, headers=error.headers))


def _invalid_input(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say which field and what is expected, but never repeat what was sent."""
    if any(problem["type"] == "json_invalid" for problem in error.errors()):
        return response(request.scope, ApiError(400, "The body is not valid JSON"))
    details = [
        {"field": ".".join(str(step) for step in problem["loc"][1:]), "message": problem["msg"]}
        for problem in error.errors()
    ]
    return response(request.scope, ApiError(422, "The request is not valid", details=details))


def _unavailable(request: Request, _: Exception) -> JSONResponse:
    return response(request.scope, ApiError(503, "Try again later", headers={"Retry-After": "1"}))


def _internal_error(request: Request, _: Exception) -> JSONResponse:
    return response(request.scope, ApiError(500, "Something went wrong on our side"))
