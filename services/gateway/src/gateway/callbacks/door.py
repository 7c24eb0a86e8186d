"""Answers M-Pesa's posts before the framework sees them: its middleware and routing cost more than all the rest.

The same routes stand in the application, which describes them in OpenAPI and answers every other method. Both call
the same handlers; what they do stands in `callbacks`. Here alone an address that is nearly right is taken as well.
"""

import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.callbacks import addresses
from gateway.callbacks.addresses import Address
from gateway.callbacks.requests import AnswerNow
from gateway.callbacks.routes import HANDLERS, Handler
from gateway.callbacks.sources import Sources
from gateway.middleware import own_up

log = structlog.get_logger()


class CallbackDoor:
    """The ASGI application that the server runs. Whatever is no callback passes through to `app`."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _find(scope, self._app) if scope["type"] == "http" else None
        if address is None:
            await self._app(scope, receive, send)
            return
        scope["app"], scope["gateway.route"] = self._app, address.route
        response = await _answer(HANDLERS[address.kind], Request(scope, receive), address.secret)
        await response(scope, receive, send)


async def _answer(handler: Handler, request: Request, secret: str) -> Response:
    """What the handler answers; out here nobody else would catch what it raises."""
    try:
        return await handler(request, secret)
    except AnswerNow as now:
        return now.response
    except Exception as error:  # noqa: BLE001  # nothing is silenced: own_up logs it
        return own_up(error, request.scope)


def _find(scope: Scope, app: FastAPI) -> Address | None:
    """The callback's address that a request goes to, or None when the application is to answer it."""
    sources: Sources = app.state.intake.sources
    path, posted = addresses.decoded(scope["path"]), scope["method"] == "POST"
    address = addresses.exact(path)
    if posted and address and sources.knows(address.secret):
        return address
    query = addresses.decoded(scope["query_string"].decode("latin-1"))
    if live := sources.live_secret_in(f"{path}?{query}"):
        address = addresses.guessed(path, live)
        taken_as = address.kind if posted else "nothing"
        log.warning("callback_at_odd_address", route=address.route, method=scope["method"], taken_as=taken_as)
    return address if posted else None
