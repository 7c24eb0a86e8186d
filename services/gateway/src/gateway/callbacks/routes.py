"""The routes that M-Pesa posts confirmations to, and what all of a callback's routes begin with.

`schemas` describes them in OpenAPI; `odd_addresses` takes what comes to any other address, or with another secret.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

import structlog
from servicekit.rpc.errors import InvalidArgument
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Match, Route
from starlette.types import Scope

from gateway import metrics
from gateway.callbacks import malformed, odd_bodies
from gateway.callbacks.errors import MalformedCallback
from gateway.callbacks.parsing import parse_callback
from gateway.callbacks.raw import MAX_BODY_BYTES, RawCallback
from gateway.callbacks.rules import Sources, recorded
from gateway.callbacks.service import CallbackService
from gateway.clients.billing import Receipt
from gateway.refusals import refusal
from gateway.spool.errors import NotSpooled
from servicekit import tracing

log = structlog.get_logger()

Endpoint = Callable[[Request], Awaitable[JSONResponse]]

PATHS = ("/callbackprocess", "/c2b/confirmation")

# A longer body is read this far and thrown away, so that its sender gets to see the answer.
_MAX_READ_BYTES = 8 * 1024 * 1024
_READ_SECONDS = 10.0


class CallbackRoute(Route):
    """Takes posts to one address; where secrets are set, only with a live one behind it."""

    def __init__(self, path: str, endpoint: Endpoint, sources: Sources) -> None:
        super().__init__(path, endpoint, methods=["POST"])
        self._sources = sources

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """FULL, or NONE."""
        match, found = super().matches(scope)
        if match is Match.FULL and self._sources.knows(found["path_params"].get("secret", "")):
            return match, {**found, "gateway.route": self.path}
        return Match.NONE, {}


def routes_of(paths: Iterable[str], endpoint: Endpoint, sources: Sources) -> list[CallbackRoute]:
    """A route for each path, and one for a secret behind it."""
    return [CallbackRoute(path + secret, endpoint, sources) for path in paths for secret in ("", "/{secret}")]


def measured(kind: str) -> Callable[[Endpoint], Endpoint]:
    """Let the answers of an endpoint be timed."""

    def around(endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> JSONResponse:
            began, status = time.monotonic(), 500
            try:
                response = await endpoint(request)
                status = response.status_code
            except HTTPException as refused:
                status = refused.status_code
                raise
            else:
                return response
            finally:
                metrics.ANSWERS.labels(kind, status).observe(time.monotonic() - began)

        return answer

    return around


@measured("confirmation")
async def confirm(request: Request) -> JSONResponse:
    """Takes a confirmation: 200 means that the payment is stored for good, whatever became of it."""
    callback = await receive(request, admit(request))
    service: CallbackService = request.app.state.callbacks
    try:
        receipt = await _record(service, callback)
    except MalformedCallback as fault:
        return await malformed.keep(service, callback, fault)
    metrics.LAST_CONFIRMATION.set_to_current_time()
    return JSONResponse(recorded(receipt, datetime.now(UTC)))


def admit(request: Request) -> str:
    """The sender's address; raises HTTPException when it may not send callbacks."""
    sources: Sources = request.app.state.sources
    peer = request.client.host if request.client else ""
    secret = request.path_params.get("secret", "")
    sender = sources.sender(peer, request.headers.getlist("x-forwarded-for"))
    if not sources.admits(sender, secret):
        log.warning("callback_refused", source=str(sender or "unknown"), peer=peer, secret_given=bool(secret))
        raise refusal(403, "Forbidden")
    return str(sender or "")


async def receive(request: Request, source: str = "") -> RawCallback:
    """The request's body, unpacked; raises HTTPException when it does not arrive in time or at all."""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            body, seen = await _read(request)
    except TimeoutError:
        raise refusal(408, "body: did not arrive in time") from None
    except ClientDisconnect:
        raise refusal(400, "body: broken off") from None  # nobody reads it; it only ends the request in order
    truncated = seen > MAX_BODY_BYTES
    encoding = request.headers.get("content-encoding", "")
    if not truncated and (encoding or body.startswith(odd_bodies.GZIP)):
        body = odd_bodies.unpacked(body, encoding, MAX_BODY_BYTES)
        truncated = len(body) > MAX_BODY_BYTES
    return RawCallback(body[:MAX_BODY_BYTES], source, datetime.now(UTC), truncated=truncated)


async def _read(request: Request) -> tuple[bytes, int]:
    """The first MAX_BODY_BYTES of a body, and how many bytes there were."""
    kept, seen, more = bytearray(), 0, True
    while more and seen <= _MAX_READ_BYTES:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        seen += len(chunk)
        kept += chunk[: MAX_BODY_BYTES - len(kept)]
    return bytes(kept), seen


async def _record(service: CallbackService, callback: RawCallback) -> Receipt:
    if callback.truncated:
        raise MalformedCallback("body", f"body: longer than {MAX_BODY_BYTES} bytes")
    payment = parse_callback(callback.body, callback.source_address, callback.receive_time)
    try:
        with tracing.span("callback", trans_ids=[payment.trans_id], calls=False):
            return await service.record(payment)
    except InvalidArgument as error:
        raise MalformedCallback("payment", f"payment: {str(error) or error.reason}") from None
    except NotSpooled as error:
        raise not_stored(payment.trans_id, error) from None


def not_stored(trans_id: str, error: NotSpooled) -> HTTPException:
    """The one place where a payment is turned away, because neither billing nor the spool could store it."""
    log.error("payment_not_stored", trans_id=trans_id, cause=error.told)
    return refusal(503, "The payment could not be stored; send it again", retry_after=5)
