"""Answers M-Pesa's posts before the framework sees them: its middleware and routing cost more than all the rest.

The same routes stand in the application, which describes them in OpenAPI and answers every other method. Both call
the same handlers; what they do stands in `callbacks`.
"""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.callbacks import HANDLERS, Handler
from gateway.faults import own_up
from gateway.requests import AnswerNow


class CallbackDoor:
    """The ASGI application that the server runs. Whatever is no callback passes through to `app`."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, handler, secret = _find(scope)
        if handler is None:
            await self._app(scope, receive, send)
            return
        scope["app"], scope["gateway.route"] = self._app, route
        response = await _answer(handler, Request(scope, receive), secret)
        await response(scope, receive, send)


async def _answer(handler: Handler, request: Request, secret: str) -> Response:
    """What the handler answers; out here nobody else would catch what it raises."""
    try:
        return await handler(request, secret)
    except AnswerNow as now:
        return now.response
    except Exception as error:  # noqa: BLE001  # nothing is silenced: own_up logs it
        return own_up(error, request.scope)


def _find(scope: Scope) -> tuple[str, Handler | None, str]:
    """The route's pattern, its handler and the secret in the path, where it is a callback's."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return "", None, ""
    # Registered with a slash at its end, an address works all the same: a redirect might be followed by nobody.
    path: str = scope["path"].removesuffix("/")
    if handler := HANDLERS.get(path):
        return path, handler, ""
    path, _, secret = path.rpartition("/")
    return f"{path}/{{secret}}", HANDLERS.get(path) if secret else None, secret
