"""Takes M-Pesa's posts past the framework's routing, which costs as much as all the rest of an answer.

The same routes stand in the application, which describes them in OpenAPI and answers every other method. Both call
the same handlers; what they do stands in `callbacks`.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.callbacks import HANDLERS, Handler
from gateway.requests import AnswerNow


class CallbackDoor:
    """ASGI middleware around an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, handler, secret = _find(scope)
        if handler is None:
            await self._app(scope, receive, send)
            return
        scope["gateway.route"] = route
        try:
            response = await handler(Request(scope, receive), secret)
        except AnswerNow as now:
            response = now.response
        await response(scope, receive, send)


def _find(scope: Scope) -> tuple[str, Handler | None, str]:
    """The route's pattern, its handler and the secret in the path, where it is a callback's."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return "", None, ""
    path: str = scope["path"]
    if handler := HANDLERS.get(path):
        return path, handler, ""
    path, _, secret = path.rpartition("/")
    return f"{path}/{{secret}}", HANDLERS.get(path) if secret else None, secret
