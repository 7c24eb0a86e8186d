"""The routes that M-Pesa posts to: confirmations and validations.

One route for all of a callback's addresses, because also one that is nearly right is taken. It stands first in the
application's router, beside FastAPI's routes and under the same middleware, and not as one of theirs: what FastAPI does
around a handler costs more than all the rest of a callback. gateway.callbacks.schemas describes it in OpenAPI.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import structlog
from servicekit.rpc.errors import InvalidArgument, ServiceError
from starlette.datastructures import URLPath
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from gateway.callbacks import answers
from gateway.callbacks.bodies import ReadBody, read_body
from gateway.callbacks.parsing import MAX_BODY_BYTES, MalformedCallback, RawCallback, parse_callback
from gateway.callbacks.rules import CallbackAddress, Kind, Sources, decoded, exact_address, guessed_address
from gateway.callbacks.service import CallbackService
from gateway.clients.billing import Receipt
from gateway.responses import JsonResponse, refusal, rejected
from gateway.spool.errors import NotSpooled

log = structlog.get_logger()

_UNKNOWN_ADDRESS = "address: neither a confirmation's nor a validation's; replay it only if M-Pesa has the payment"


class CallbackRoute(BaseRoute):
    """Matches what goes to a callback's address, and whatever carries a live secret."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """FULL for every method: only a post is taken, and `handle` says so."""
        if scope["type"] != "http":
            return Match.NONE, {}
        path = decoded(scope["path"])
        address, odd = exact_address(path), False
        if not (address and scope["method"] == "POST" and self._sources.knows(address.secret)):
            query = decoded(scope["query_string"].decode("latin-1"))
            if live := self._sources.live_secret_in(f"{path}?{query}"):
                address, odd = guessed_address(path, live), True
        if address is None:
            return Match.NONE, {}
        return Match.FULL, {"gateway.route": address.route, "gateway.address": address, "gateway.odd": odd}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a callback."""
        address: CallbackAddress = scope["gateway.address"]
        posted = scope["method"] == "POST"
        if scope["gateway.odd"]:
            taken_as = address.kind if posted else "nothing"
            log.warning("callback_at_odd_address", route=address.route, method=scope["method"], taken_as=taken_as)
        if not posted:
            _refuse_method(address)
        request = Request(scope, receive, send)
        response = await _HANDLERS[address.kind](request, _admit(request, self._sources, address.secret))
        await response(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """No address can be made from a name."""
        raise NoMatchFound(name, path_params)


def _refuse_method(address: CallbackAddress) -> NoReturn:
    if address.kind is Kind.UNCLEAR:
        raise refusal(404, "Not Found")
    raise HTTPException(405, "Method Not Allowed", {"Allow": "POST"})


def _admit(request: Request, sources: Sources, secret: str) -> str:
    """The sender's address; raises HTTPException when it may not send callbacks."""
    peer, _ = request.scope["client"] or ("", 0)
    forwarded = [value.decode("latin-1") for name, value in request.scope["headers"] if name == b"x-forwarded-for"]
    sender = sources.sender(peer, forwarded)
    if not sources.admits(sender, secret):
        log.warning("callback_refused", source=str(sender or "unknown"), peer=peer, secret_given=bool(secret))
        raise refusal(403, "Forbidden")
    return str(sender or "")


def _service(request: Request) -> CallbackService:
    return request.scope["app"].state.callbacks  # type: ignore[no-any-return]


async def confirm(request: Request, source: str) -> JsonResponse:
    """Takes a confirmation: 200 means that the payment is stored for good, whatever became of it."""
    body = await read_body(request)
    service = _service(request)
    try:
        receipt = await _record(service, body, source)
    except MalformedCallback as malformed:
        return await _keep(service, body, malformed, source)
    return JsonResponse(answers.recorded(receipt, datetime.now(UTC)))


async def validate(request: Request, source: str) -> JsonResponse:
    """Says whether M-Pesa should take a payment. In doubt yes: money held beats money refused."""
    body = await read_body(request)
    try:
        verdict = await _service(request).validate(parse_callback(body.content, source))
    except MalformedCallback as malformed:
        log.warning("validation_malformed", fault=malformed.fault, source=source)
        bad_amount = malformed.field == "TransAmount"
        return JsonResponse(
            answers.refused_by_code(answers.INVALID_AMOUNT) if bad_amount else answers.accepted_by_code()
        )
    except (ServiceError, TimeoutError) as error:
        log.warning("validation_unanswered", cause=getattr(error, "reason", "TIMED_OUT"))
        return JsonResponse(answers.accepted_by_code())
    return JsonResponse(answers.validated(verdict))


async def hold(request: Request, source: str) -> JsonResponse:
    """Keeps what comes to an unknown address with a live secret: there may be money in it, paid or not yet."""
    body = await read_body(request)
    malformed = MalformedCallback("address", _UNKNOWN_ADDRESS, worth_keeping=bool(body.content.strip()))
    return await _keep(_service(request), body, malformed, source, status=404)


_HANDLERS: dict[Kind, Callable[[Request, str], Awaitable[JsonResponse]]] = {
    Kind.CONFIRMATION: confirm,
    Kind.VALIDATION: validate,
    Kind.UNCLEAR: hold,
}


async def _record(service: CallbackService, body: ReadBody, source: str) -> Receipt:
    if body.truncated:
        raise MalformedCallback("body", f"body: longer than {MAX_BODY_BYTES} bytes")
    payment = parse_callback(body.content, source, datetime.now(UTC))
    try:
        return await service.record(payment)
    except InvalidArgument as error:
        raise MalformedCallback("payment", f"payment: {str(error) or error.reason}") from None
    except NotSpooled as error:
        raise not_stored(payment.trans_id, error) from None


def not_stored(trans_id: str, error: NotSpooled) -> HTTPException:
    """The one place where a payment is turned away, because neither billing nor the spool could store it."""
    log.error("payment_not_stored", trans_id=trans_id, cause=error.told)
    return refusal(503, "The payment could not be stored; send it again", retry_after=5)


async def _keep(
    service: CallbackService, body: ReadBody, malformed: MalformedCallback, source: str, *, status: int = 400
) -> JsonResponse:
    callback_id = None
    if malformed.worth_keeping:
        callback = RawCallback(
            body.content, source, datetime.now(UTC), fault=malformed.fault[:255], truncated=body.truncated
        )
        try:
            callback_id = await service.keep(callback)
        except NotSpooled as error:
            # There may be money in it: the sender must not believe that we have it.
            log.error("callback_not_kept", fault=malformed.fault, cause=error.told)  # noqa: TRY400
            raise refusal(503, "The callback could not be kept; send it again", retry_after=5) from None
    log.warning("callback_malformed", fault=malformed.fault, callback_id=callback_id, source=source)
    answer = rejected(malformed.fault, datetime.now(UTC), quarantine_id=callback_id)
    return JsonResponse(answer, 413 if body.truncated else status)
