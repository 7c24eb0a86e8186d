"""The operator's routes, each behind `Authorization: Bearer <REJESHA_API_TOKEN>`: a payment's timeline and a
customer's, what waits in the spool, and the replay of a quarantined callback.
"""

import re
from dataclasses import asdict
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from servicekit.rpc.errors import InvalidArgument, NotFound, ServiceError
from starlette.exceptions import HTTPException

from gateway.callbacks.errors import MalformedCallback
from gateway.callbacks.parsing import Payment, parse_callback
from gateway.callbacks.routes import not_stored, receive
from gateway.callbacks.rules import Body, recorded, timestamp
from gateway.callbacks.service import CallbackService
from gateway.clients.billing import Receipt
from gateway.clients.customers import Customers
from gateway.clients.notify import MAX_LISTED, Notify
from gateway.clients.operations import Operations
from gateway.clients.quarantine import Quarantine, QuarantinedCallback
from gateway.clients.timeline import MessageRecord
from gateway.operations import customers, schemas, timeline
from gateway.operations.health import describe_spool
from gateway.refusals import refusal
from gateway.spool.errors import DiskFailed, NotSpooled
from gateway.spool.rules import Entry

log = structlog.get_logger()

_bearer = HTTPBearer(auto_error=False, description="REJESHA_API_TOKEN")
_TRANS_ID = re.compile(r"[A-Z0-9]{1,50}", re.ASCII)
_MAX_SHOWN = 50
_LONGEST_ACCOUNT = 100
# Outcomes after which the callback is still nobody's payment, or billing does not have it yet: it stays open.
_STILL_OPEN = {"conflict", "quarantined", "spooled"}

CallbackId = Annotated[int, Path(ge=1, le=2**63 - 1)]


def _require_token(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
    """Ends the request with 401 unless it carries the token."""
    expected: str = request.app.state.api_token
    if given is None or not compare_digest(given.credentials.encode(), expected.encode()):
        log.warning("operator_refused", peer=request.client.host if request.client else "")
        raise HTTPException(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})


router = APIRouter(tags=["operator"], dependencies=[Depends(_require_token)])


@router.get("/payments/{TransID}", **schemas.TIMELINE)
async def get_payment(request: Request, trans_id: Annotated[str, Path(alias="TransID")]) -> JSONResponse:
    """A payment and its timeline: what it is, and step by step what was done about it."""
    billing: Operations = request.app.state.operations
    wanted = trans_id.strip().upper()
    if not _TRANS_ID.fullmatch(wanted):
        raise refusal(404, "No such payment")
    try:
        payment = await billing.get_payment(wanted)
    except ServiceError as error:
        if wanted in request.app.state.callbacks.spool.held:
            raise refusal(503, "It waits in the spool, billing does not have it yet", retry_after=5) from None
        if isinstance(error, NotFound):
            raise refusal(404, "No such payment") from None
        raise refusal(503, f"billing cannot be asked right now ({error.reason})", retry_after=5) from None
    messages, notes = await _messages(request.app.state.notify, subject=wanted)
    return JSONResponse(timeline.compose(payment, messages, notes))


@router.get("/customers/{account}", **schemas.CUSTOMER)
async def get_customer(request: Request, account: str) -> JSONResponse:
    """A customer, and the newest of what happened to them. Case and spaces of the account do not matter."""
    billing: Customers = request.app.state.customers
    if not account.isprintable() or not 1 <= len(account.strip()) <= _LONGEST_ACCOUNT:
        raise refusal(404, "No such customer")
    try:
        known = await billing.get_timeline(account)
    except NotFound:
        raise refusal(404, "No such customer") from None
    except ServiceError as error:
        raise refusal(503, f"billing cannot be asked right now ({error.reason})", retry_after=5) from None
    phone = known.customer.phone
    messages, notes = await _messages(request.app.state.notify, phone=phone) if phone else ([], [])
    return JSONResponse(customers.compose(known, messages, notes))


async def _messages(notify: Notify, **asked: str) -> tuple[list[MessageRecord] | None, list[str]]:
    """The messages of a subject or a phone, or None and why they are missing."""
    try:
        messages, more = await notify.list_messages(**asked)
    except ServiceError as error:
        log.warning("messages_not_listed", trans_id=asked.get("subject", ""), reason=error.reason)
        return None, [f"notify cannot be asked right now ({error.reason}): its messages are missing here"]
    return messages, [f"only the newest {MAX_LISTED} messages are shown"] if more else []


@router.get("/spool", **schemas.SPOOL)
async def show_spool(request: Request) -> JSONResponse:
    """What waits on this gateway's disk for billing, oldest first, and how the disk is. Never a body."""
    service: CallbackService = request.app.state.callbacks
    try:
        entries = await service.spool.on_disk(lambda store: store.heads(_MAX_SHOWN))
    except DiskFailed as error:
        raise refusal(503, f"The spool cannot be read: {error}") from None
    return JSONResponse(
        {
            **describe_spool(service),
            "billing": "away" if service.breaker.is_open else "reachable",
            "counters": asdict(service.spool.counters),
            "callbacks": [_head(entry) for entry in entries],
        }
    )


def _head(entry: Entry) -> Body:
    callback = entry.callback
    return {
        "receiveTime": timestamp(callback.receive_time),
        "state": "rejected" if entry.rejected else "deferred" if entry.deferrals else "waiting",
        "transactionId": callback.trans_id or None,
        "fault": callback.fault or entry.note or None,
        "sourceAddress": callback.source_address or None,
        "bytes": len(callback.body),
    }


@router.post("/quarantine/{callback_id}/replay", **schemas.REPLAY)
async def replay(request: Request, callback_id: CallbackId) -> JSONResponse:
    """Reads a quarantined callback again, or the corrected one in the body, and records it as a delivery is recorded.

    Safe to repeat; where the payment had to be spooled, repeat it later to close the callback.
    """
    quarantine: Quarantine = request.app.state.quarantine
    corrected = await receive(request)
    if corrected.truncated:
        raise refusal(413, "body: too long")
    try:
        quarantined = await _open_callback(quarantine, callback_id)
        payment = _parse(corrected.body or quarantined.callback_body, quarantined.source_address)
        receipt = await _record(request.app.state.callbacks, payment)
        if receipt.outcome not in _STILL_OPEN:
            await quarantine.resolve(callback_id, receipt.trans_id, "replayed through the gateway")
    except ServiceError as error:
        log.warning("replay_unfinished", callback_id=callback_id, cause=error.told)
        raise refusal(503, "billing did not finish it; repeating is safe", retry_after=5) from None
    log.info("callback_replayed", callback_id=callback_id, trans_id=receipt.trans_id, outcome=receipt.outcome)
    return JSONResponse(recorded(receipt, datetime.now(UTC)))


async def _open_callback(quarantine: Quarantine, callback_id: int) -> QuarantinedCallback:
    try:
        found = await quarantine.get(callback_id)
    except NotFound:
        raise refusal(404, "No such callback in quarantine") from None
    if found.state != "open":
        raise refusal(409, f"It was {found.state} before" + (f" as {found.trans_id}" if found.trans_id else ""))
    return found


def _parse(body: bytes, source_address: str) -> Payment:
    try:
        return parse_callback(body, source_address)
    except MalformedCallback as malformed:
        raise refusal(400, malformed.fault) from None


async def _record(service: CallbackService, payment: Payment) -> Receipt:
    try:
        return await service.record(payment, quarantined=True)
    except InvalidArgument as error:
        raise refusal(400, f"payment: {str(error) or error.reason}") from None
    except NotSpooled as error:
        raise not_stored(payment.trans_id, error) from None
