"""Answers that say no, in one form of JSON for the whole gateway: refusals, and errors that nobody foresaw.

Knows no routes.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from traceback import extract_tb

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Scope

from gateway.callbacks.rules import Body, timestamp

log = structlog.get_logger()


def rejected(error: str, now: datetime, *, quarantine_id: int | None = None) -> Body:
    """Nothing was recorded as a payment, and why; `quarantine_id` tells that the body was kept."""
    body = {
        "ResultCode": 1,
        "ResultDesc": "Rejected",
        "success": False,
        "error": error,
        "timestamp": timestamp(now),
    }
    return body if quarantine_id is None else {**body, "quarantineId": quarantine_id}


def refusal(status: int, error: str, *, retry_after: int = 0) -> HTTPException:
    """What to raise to end a request with an answer that says no; `retry_after` in seconds."""
    return HTTPException(status, error, {"Retry-After": str(retry_after)} if retry_after else None)


def refused_at_once(status: HTTPStatus, error: str) -> bytes:
    """A whole answer that says no and ends the connection, where there is no application to answer."""
    response = JSONResponse(rejected(error, datetime.now(UTC)), status, {"Connection": "close"})
    head = b"".join(b"%b: %b\r\n" % header for header in response.raw_headers)
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, status.phrase.encode(), head, bytes(response.body))


def answer_errors(app: Starlette) -> None:
    """Let `app` answer every error in our own form of JSON."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _bad_parameter)
    # Not as the others: what is registered with the application for Exception is answered and then raised again, and
    # uvicorn would print the error's text, which may quote the body, and close the connection.
    app.add_middleware(ExceptionMiddleware, handlers={Exception: _broken})


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse(rejected(str(error.detail), datetime.now(UTC)), error.status_code, error.headers)


async def _bad_parameter(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    places = {".".join(str(part) for part in fault["loc"]) for fault in error.errors()}
    return JSONResponse(rejected(f"{', '.join(sorted(places))}: wrong", datetime.now(UTC)), 422)


async def _broken(request: Request, error: Exception) -> JSONResponse:
    # Frames and type only: the error's own text may quote the body or the path.
    log.error(
        "request_failed",
        method=request.method,
        route=_route(request.scope),
        error=type(error).__name__,
        frames=[f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in extract_tb(error.__traceback__)],
    )
    return JSONResponse(rejected("Internal error", datetime.now(UTC)), 500)


def _route(scope: Scope) -> str:
    """The route's pattern, such as /callbackprocess/{secret}; never the path, which may hold a secret."""
    return str(scope.get("gateway.route") or getattr(scope.get("route"), "path", "unknown"))
