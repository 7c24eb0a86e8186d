"""The last line: an unforeseen error becomes a plain 500, and a log line without what the sender sent."""

from datetime import UTC, datetime
from traceback import extract_tb
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.callbacks import answers
from gateway.callbacks.answers import JsonResponse

log = structlog.get_logger()


class FaultMiddleware:
    """Answers 500 when the application raises."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            answer = own_up(error, scope)
            if started:
                raise
            await answer(scope, receive, send)


def own_up(error: Exception, scope: Scope) -> JsonResponse:
    """Log an unforeseen error; the answer that tells its sender nothing more."""
    # Frames and type only: the error's own text may quote the body or the path.
    log.error(
        "request_failed",
        method=scope["method"],
        route=route_of(scope),
        error=type(error).__name__,
        frames=[f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in extract_tb(error.__traceback__)],
    )
    return JsonResponse(answers.rejected("Internal error", datetime.now(UTC)), 500)


def route_of(scope: Scope) -> str:
    """The route's pattern, such as /callbackprocess/{secret}; never the path, which may hold a secret."""
    route: Any = scope.get("route")
    return str(scope.get("gateway.route") or getattr(route, "path", "unknown"))
